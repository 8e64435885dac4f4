import Foundation
public import Logging

/// Standard error as the target of a log: each event is written as exactly one line.
///
/// Names of campaigns and answers of WhatsApp may hold line ends and terminal commands. These are escaped, so that
/// untrusted text can neither forge a line of the log nor control the terminal.
public struct LogStream: TextOutputStream, Sendable {
    /// Makes a stream.
    public init() {}

    /// Writes one event, which ends with a line end.
    public mutating func write(_ event: String) {
        let event = event.hasSuffix("\n") ? String(event.dropLast()) : event
        // A failure to write the log cannot be reported either, and does not stop the program.
        try? FileHandle.standardError.write(contentsOf: Data((Self.line(event) + "\n").utf8))
    }

    /// Escapes every character that moves the cursor, ends a line or changes the writing direction.
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

extension Logger {
    /// Makes the logger of a command; it writes to standard error, because standard output is for results.
    ///
    /// By default it logs only errors: a one-shot command reports its failure itself, and retries need no log line.
    public static func command(level: Logger.Level = .error) -> Logger {
        var logger = Logger(label: Program.name) { StreamLogHandler(label: $0, stream: LogStream()) }
        logger.logLevel = level
        return logger
    }
}
