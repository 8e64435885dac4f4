import Foundation
import Glibc
public import Logging
public import Settings

/// A form of log lines.
public enum LogFormat: String, CaseIterable, Sendable {
    /// `time=… level=info msg="Lane waits" tenant=acme`: pairs, with quoted values where they need it.
    case logfmt
    /// One JSON object for each line.
    case json

    /// Reads `LOG_FORMAT`; unset is ``logfmt``.
    ///
    /// - Throws: `ConfigurationError` that names the formats.
    public init(_ variables: Variables) throws(ConfigurationError) {
        guard let text = variables["LOG_FORMAT"] else {
            self = .logfmt
            return
        }
        guard let format = LogFormat(rawValue: text.lowercased()) else {
            let known = LogFormat.allCases.map(\.rawValue).joined(separator: " or ")
            throw .malformed("LOG_FORMAT", problem: "`\(text)` is not a format of log lines; use \(known)")
        }
        self = format
    }

    /// Writes an event as one line, without its end.
    ///
    /// Names of campaigns and answers of WhatsApp may hold line ends and terminal commands. They are escaped, so that
    /// untrusted text can neither forge a line of the log nor control the terminal.
    func line(_ time: Date, _ level: Logger.Level, _ message: String, _ source: String, _ metadata: Logger.Metadata)
        -> String
    {
        let head = [
            ("time", time.formatted(Self.timeStyle)), ("level", level.rawValue), ("msg", message), ("source", source),
        ]
        let entries = metadata.sorted { $0.key < $1.key }.map { key, value in
            // A key that is used above gets a line below it.
            (head.contains { $0.0 == key } ? key + "_" : key, value)
        }
        switch self {
        case .logfmt:
            let pairs = head + entries.flatMap { Self.pairs($0, $1) }
            return pairs.map { "\(Self.key($0))=\(Self.value($1))" }.joined(separator: " ")
        case .json:
            let fields = head.map { "\(Self.quoted($0)):\(Self.quoted($1))" }
            return "{\((fields + entries.map { "\(Self.quoted($0)):\(Self.json($1))" }).joined(separator: ","))}"
        }
    }

    private static let timeStyle = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    private static func pairs(_ key: String, _ value: Logger.Metadata.Value) -> [(String, String)] {
        switch value {
        case .string(let text): [(key, text)]
        case .stringConvertible(let value): [(key, value.description)]
        case .array(let values):
            [(key, values.map { pairs("", $0).map(\.1).joined(separator: " ") }.joined(separator: ", "))]
        case .dictionary(let values):
            values.sorted { $0.key < $1.key }.flatMap { pairs("\(key).\($0.key)", $0.value) }
        }
    }

    private static func json(_ value: Logger.Metadata.Value) -> String {
        switch value {
        case .string(let text): quoted(text)
        case .stringConvertible(let value): quoted(value.description)
        case .array(let values): "[\(values.map(json).joined(separator: ","))]"
        case .dictionary(let values):
            "{\(values.sorted { $0.key < $1.key }.map { "\(quoted($0.key)):\(json($0.value))" }.joined(separator: ","))}"
        }
    }

    private static func key(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { isPlain($0) ? $0 : "_" }))
    }

    private static func value(_ text: String) -> String {
        !text.isEmpty && text.unicodeScalars.allSatisfy(isPlain) ? text : quoted(text)
    }

    /// Returns true if a scalar needs no quotes.
    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "\"", "=", "\\", "'", "`": false
        default: !scalar.properties.isWhitespace && !needsEscape(scalar)
        }
    }

    /// Returns true for every scalar that moves the cursor, ends a line or changes the writing direction.
    private static func needsEscape(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }

    /// Writes a text as a string of JSON, which readers of logfmt understand as well.
    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case _ where needsEscape(scalar):
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16)
                    quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}

/// Writes events to standard error, each as exactly one line.
struct LineLogHandler: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    let format: LogFormat
    /// True if the journal of systemd reads the lines: it takes the priority from their start.
    let hasPriorities: Bool

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        // A failure to write the log cannot be reported either, and does not stop the program.
        try? FileHandle.standardError.write(contentsOf: Data(line(event, at: .now).utf8))
    }

    /// Returns an event as a line with its end.
    func line(_ event: LogEvent, at time: Date) -> String {
        var all = metadata.merging(metadataProvider?.get() ?? [:]) { $1 }.merging(event.metadata ?? [:]) { $1 }
        if let error = event.error { all["error"] = "\(ErrorText.of(error))" }
        let prefix = hasPriorities ? "<\(Self.priority(event.level))>" : ""
        return prefix + format.line(time, event.level, event.message.description, event.source, all) + "\n"
    }

    /// Returns the priority of syslog for a level.
    private static func priority(_ level: Logger.Level) -> Int {
        switch level {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }

    /// Returns true if standard error is the stream that `JOURNAL_STREAM` names by device and inode, as systemd sets it.
    static func isJournal(_ environment: [String: String]) -> Bool {
        var status = stat()
        guard let stream = environment["JOURNAL_STREAM"], fstat(STDERR_FILENO, &status) == 0 else { return false }
        return stream == "\(status.st_dev):\(status.st_ino)"
    }
}

extension Logger {
    /// Makes the logger of a command; it writes to standard error, because standard output is for results.
    ///
    /// By default it logs only errors: a one-shot command reports its failure itself, and retries need no log line.
    public static func command(level: Logger.Level = .error, format: LogFormat = .logfmt) -> Logger {
        let isJournal = LineLogHandler.isJournal(ProcessInfo.processInfo.environment)
        return Logger(label: Program.name) { _ in
            LineLogHandler(logLevel: level, format: format, hasPriorities: isJournal)
        }
    }
}
