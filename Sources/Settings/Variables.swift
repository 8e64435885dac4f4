public import Logging

/// Environment variables, read with errors that name the variable and show an example.
public struct Variables: Sendable {
    private let values: [String: String]

    public init(_ environment: [String: String]) {
        values = environment
    }

    /// The value of a variable; `nil` when it is unset or empty.
    public subscript(name: String) -> String? {
        values[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The value of a variable as a whole number of a range; `nil` if it is unset.
    public func integer(_ name: String, in range: ClosedRange<Int>, example: String) throws(ConfigurationError) -> Int?
    {
        guard let text = self[name] else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw .malformed(
                name,
                problem:
                    "`\(text)` is no whole number from \(range.lowerBound) to \(range.upperBound); example: \(example)"
            )
        }
        return value
    }

    /// The value of a variable as an `http` or `https` address without a slash at its end; `nil` if it is unset.
    public func url(_ name: String, example: String) throws(ConfigurationError) -> String? {
        guard var text = self[name] else { return nil }
        guard text.hasPrefix("http://") || text.hasPrefix("https://"), text.count > 8 else {
            throw .malformed(name, problem: "`\(text)` is no http or https address; example: \(example)")
        }
        while text.hasSuffix("/") { text.removeLast() }
        return text
    }

    /// The value of a variable as a level of the log; `nil` if it is unset.
    public func logLevel(_ name: String) throws(ConfigurationError) -> Logger.Level? {
        guard let text = self[name] else { return nil }
        guard let level = Logger.Level(rawValue: text.lowercased()) else {
            let known = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw .malformed(name, problem: "`\(text)` is no log level; use one of \(known)")
        }
        return level
    }
}
