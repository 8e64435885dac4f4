import Foundation

/// Standard error as a log: each event is one line, whatever its text is.
///
/// Names of campaigns and answers of WhatsApp may hold line breaks and terminal commands. They are escaped, so they cannot
/// forge a log line.
public struct LogStream: TextOutputStream, Sendable {
    /// Makes a stream.
    public init() {}

    /// Writes one event, with a line break at the end.
    public mutating func write(_ event: String) {
        let event = event.hasSuffix("\n") ? String(event.dropLast()) : event
        // An error cannot be reported anywhere, and is no reason to stop.
        try? FileHandle.standardError.write(contentsOf: Data((Self.line(event) + "\n").utf8))
    }

    /// Escapes characters that move the cursor, end a line or change the direction of text.
    static func line(_ text: String) -> String {
        var line = ""
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: line += scalar.escaped(asASCII: true)
            default: line.unicodeScalars.append(scalar)
            }
        }
        return line
    }
}
