public import Logging

/// Environment variables, read with errors that name the variable and show an example.
public struct Variables: Sendable {
    private let values: [String: String]

    public init(_ environment: [String: String]) {
        values = environment
    }

    /// The value of a variable; `nil` if it is unset or empty.
    public subscript(name: String) -> String? {
        values[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Reads a variable as a whole number of a range; `nil` if it is unset.
    public func integer(_ name: String, in range: ClosedRange<Int>, example: String) throws(ConfigurationError) -> Int?
    {
        guard let text = self[name] else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw .malformed(
                name,
                problem:
                    "`\(text)` is not a whole number from \(range.lowerBound) to \(range.upperBound); example: \(example)"
            )
        }
        return value
    }

    /// Reads a variable as an `http` or `https` URL without a slash at its end; `nil` if it is unset.
    public func url(_ name: String, example: String) throws(ConfigurationError) -> String? {
        guard var text = self[name] else { return nil }
        guard text.hasPrefix("http://") || text.hasPrefix("https://"), text.count > 8 else {
            throw .malformed(name, problem: "`\(text)` is not an http or https URL; example: \(example)")
        }
        while text.hasSuffix("/") { text.removeLast() }
        return text
    }

    /// Meta's Graph API, with the version that this program was written against.
    public static let graphAPI = "https://graph.facebook.com/v23.0"

    /// Reads `WHATSAPP_API_URL`, the address of the API with its version; Meta's if it is unset.
    public func graphAPI() throws(ConfigurationError) -> String {
        try url("WHATSAPP_API_URL", example: Self.graphAPI) ?? Self.graphAPI
    }

    /// Reads a variable as a switch, `on` or `off`; `nil` if it is unset.
    public func isOn(_ name: String) throws(ConfigurationError) -> Bool? {
        switch self[name]?.lowercased() {
        case nil: return nil
        case "on": return true
        case "off": return false
        case let text?: throw .malformed(name, problem: "`\(text)` is neither on nor off; example: off")
        }
    }

    /// Reads a variable as a log level; `nil` if it is unset.
    public func logLevel(_ name: String) throws(ConfigurationError) -> Logger.Level? {
        guard let text = self[name] else { return nil }
        guard let level = Logger.Level(rawValue: text.lowercased()) else {
            let known = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw .malformed(name, problem: "`\(text)` is not a log level; use one of \(known)")
        }
        return level
    }
}

/// A missing or malformed setting, which stops the start.
public enum ConfigurationError: Error, Hashable, CustomStringConvertible {
    case missing(_ variable: String, example: String)
    case malformed(_ variable: String, problem: String)

    public var description: String {
        switch self {
        case .missing(let variable, let example): "\(variable) is not set; example: \(variable)=\(example)"
        case .malformed(let variable, let problem): "\(variable): \(problem)"
        }
    }
}
