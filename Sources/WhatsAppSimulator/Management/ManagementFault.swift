/// A fault of calls of the management side; the first that strikes counts.
public struct ManagementFault: Codable, Hashable, Sendable {
    /// The form of the fault.
    public enum Mode: String, Codable, Sendable {
        /// The call is done, and the connection closes without an answer.
        case lose
        /// The connection closes, and nothing is done.
        case drop
        /// An error, and nothing is done.
        case refuse
        /// The call is done and answered after a time.
        case delay
        /// The call is done, and answered with a page that is not the API's.
        case page
    }

    /// The operation, such as `templates.create`, or its beginning, such as `templates.`; empty for all.
    public var operation = ""
    /// A text in the path or the body; empty for any.
    public var contains = ""
    public var mode: Mode
    /// The share of calls, 0 to 1.
    public var share = 1.0
    /// The number of calls to strike; `nil` for no limit.
    public var times: Int?
    /// The code of a refusal, and its other parts.
    public var code = 2
    public var subcode: Int?
    /// The HTTP status of a refusal or a page; `nil` for the usual one.
    public var status: Int?
    /// The duration of a delay.
    public var seconds = 0.0

    /// Makes a fault that strikes every call.
    public init(operation: String = "", mode: Mode, times: Int? = nil) {
        self.operation = operation
        self.mode = mode
        self.times = times
    }

    func validate(_ place: String) throws(SimulatorError) {
        try Check.share(share, "\(place).share")
        try Check.status(status, "\(place).status")
        try SimulatorFaults.code(code, "\(place).code")
        if seconds != 0 { try Check.seconds(seconds, "\(place).seconds") }
        if let times { try Check.that(times >= 1, "\(place).times", "must be at least 1, not \(times)") }
    }

    /// Returns true if a call is of the kind that the fault is about.
    func isAbout(_ operation: String, text: String) -> Bool {
        operation.hasPrefix(self.operation) && (contains.isEmpty || text.contains(contains))
    }

    enum CodingKeys: String, CodingKey, CaseIterable {
        case operation, contains, mode, share, times, code, subcode, status, seconds
    }

    /// Reads a fault; `mode` must be there.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.closedContainer(keyedBy: CodingKeys.self)
        operation = try values.decodeIfPresent(String.self, forKey: .operation) ?? ""
        contains = try values.decodeIfPresent(String.self, forKey: .contains) ?? ""
        mode = try values.decode(Mode.self, forKey: .mode)
        share = try values.decodeIfPresent(Double.self, forKey: .share) ?? 1
        times = try values.decodeIfPresent(Int.self, forKey: .times)
        code = try values.decodeIfPresent(Int.self, forKey: .code) ?? 2
        subcode = try values.decodeIfPresent(Int.self, forKey: .subcode)
        status = try values.decodeIfPresent(Int.self, forKey: .status)
        seconds = try values.decodeIfPresent(Double.self, forKey: .seconds) ?? 0
    }
}
