/// Why a text is no cron expression.
public struct CronError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong: lower case, no full stop.
    public let message: String
    /// What the author can do about it.
    public let help: String?
    /// The wrong part, as offsets of the text's UTF-8.
    public let range: Range<Int>

    init(_ message: String, help: String? = nil, at range: Range<Int>) {
        (self.message, self.help, self.range) = (message, help, range)
    }

    public var description: String { message + (help.map { " (\($0))" } ?? "") }
}
