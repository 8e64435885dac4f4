/// One request as the ledger keeps it: when, to whom, and what became of it.
public struct LedgerEntry: Codable, Hashable, Sendable {
    /// What became of a request.
    public enum Answer: String, Codable, Sendable {
        /// The message was taken and the caller told so.
        case accepted
        /// The message was not taken.
        case rejected
        /// The message was taken, and the caller not told so.
        case lost
    }

    /// Nanoseconds of `CLOCK_MONOTONIC` at the decision; lines of one run never go back.
    public var monotonic: Int64
    /// Milliseconds since 1970 at the decision.
    public var wall: Int64
    /// The phone number that was asked to send; empty when the path held none.
    public var phoneNumberId: String
    /// The recipient as the caller wrote it; empty when it could not be read.
    public var recipient: String
    /// The correlation data of the request; `nil` when there was none.
    public var callbackData: String?
    /// The HTTP status of the answer; 0 when none was sent.
    public var status: Int
    /// What became of the request.
    public var answer: Answer
    /// The id given to the message; `nil` when it was rejected.
    public var wamid: String?
    /// The error code; `nil` when the message was taken, or the answer carried no code.
    public var code: Int?

    /// Makes an entry of its values.
    public init(
        monotonic: Int64,
        wall: Int64,
        phoneNumberId: String,
        recipient: String,
        callbackData: String? = nil,
        status: Int,
        answer: Answer,
        wamid: String? = nil,
        code: Int? = nil
    ) {
        self.monotonic = monotonic
        self.wall = wall
        self.phoneNumberId = phoneNumberId
        self.recipient = recipient
        self.callbackData = callbackData
        self.status = status
        self.answer = answer
        self.wamid = wamid
        self.code = code
    }

    /// The entry as one line of JSON with its line end.
    var line: [UInt8] {
        var json = JSONWriter(capacity: 320)
        json.raw("{\"monotonic\":")
        json.number(monotonic)
        json.raw(",\"wall\":")
        json.number(wall)
        json.raw(",\"phoneNumberId\":")
        json.string(phoneNumberId)
        json.raw(",\"recipient\":")
        json.string(recipient)
        if let callbackData {
            json.raw(",\"callbackData\":")
            json.string(callbackData)
        }
        json.raw(",\"status\":")
        json.number(status)
        json.raw(",\"answer\":\"\(answer.rawValue)\"")
        if let wamid { json.raw(",\"wamid\":\"\(wamid)\"") }
        if let code {
            json.raw(",\"code\":")
            json.number(code)
        }
        json.raw("}\n")
        return json.bytes
    }
}
