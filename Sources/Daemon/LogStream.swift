import Foundation

/// Standard error for a log: one line is one event, whatever stands in it.
///
/// Names of campaigns and answers of WhatsApp may hold line ends and commands for terminals. They are written as escapes,
/// so that nobody can write a line of the log but us.
public struct LogStream: TextOutputStream, Sendable {
    /// Makes a stream.
    public init() {}

    /// Writes one event, which ends with a line end.
    public mutating func write(_ event: String) {
        let event = event.hasSuffix("\n") ? String(event.dropLast()) : event
        // There is nowhere to tell that the log cannot be written, and no reason to stop.
        try? FileHandle.standardError.write(contentsOf: Data((Self.line(event) + "\n").utf8))
    }

    /// The text with escapes for all that moves the cursor, ends a line or turns the direction of writing.
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
