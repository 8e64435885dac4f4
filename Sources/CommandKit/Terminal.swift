import Foundation
import Glibc

/// Standard output for results, standard error for everything else.
public enum Terminal {
    public static var isOutputTerminal: Bool { isatty(STDOUT_FILENO) == 1 }
    public static var isInputTerminal: Bool { isatty(STDIN_FILENO) == 1 }
    public static var areErrorsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// A size in characters.
    public struct Size: Hashable, Sendable {
        public let columns: Int
        public let rows: Int

        public init(columns: Int, rows: Int) {
            (self.columns, self.rows) = (columns, rows)
        }
    }

    /// The size of the terminal that results go to; `nil` if they go elsewhere, or if it does not tell.
    public static var outputSize: Size? {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Size(columns: Int(size.ws_col), rows: Int(size.ws_row))
    }

    /// True if results may be coloured: only on a terminal, and not if `NO_COLOR` is set.
    public static var outputHasColour: Bool { isOutputTerminal && allowsColour }
    /// True if messages on standard error may be coloured.
    public static var errorsHaveColour: Bool { areErrorsTerminal && allowsColour }

    private static var allowsColour: Bool { (ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty }

    /// Writes a result.
    public static func write(_ text: String) {
        FileHandle.standardOutput.write(Data(text.utf8))
    }

    /// Writes a message that is not a result.
    public static func complain(_ text: String) {
        FileHandle.standardError.write(Data(text.utf8))
    }

    /// Writes an error, each of its lines after `error: `.
    public static func report(_ error: some Any) {
        for line in "\(error)".split(separator: "\n") { complain("error: \(line)\n") }
    }

    /// Writes a result to a file.
    ///
    /// A regular file appears whole or not at all. A device or a pipe, such as `/dev/stdout`, is written to in place,
    /// because it must not be replaced by a file.
    public static func write(_ text: String, to path: String) throws {
        let url = URL(fileURLWithPath: path)
        let data = Data(text.utf8)
        guard isDevice(path) else { return try data.write(to: url, options: .atomic) }
        let handle = try FileHandle(forWritingTo: url)
        try handle.write(contentsOf: data)
        try handle.close()
    }

    private static func isDevice(_ path: String) -> Bool {
        if path.hasPrefix("/dev/") || path.hasPrefix("/proc/") { return true }
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
    }

    /// Replaces control characters, which could move the cursor or switch the colours of a terminal.
    public static func harmless(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{FFFD}" : $0 }
            )
        )
    }
}

/// A notice on standard error while a command takes long.
public enum ProgressNotice {
    private static let delay = Duration.seconds(1)
    private static let interval = Duration.seconds(5)

    /// Runs `body` and, after one second, names the work on standard error; then its duration every five seconds.
    public static func watching<Value: Sendable>(
        _ work: String,
        _ body: () async throws -> Value
    ) async rethrows -> Value {
        let start = ContinuousClock.now
        // The task ends with this call, which cancels it.
        let notice = Task {
            try await Task.sleep(for: delay)
            Terminal.complain("\(work) …\n")
            while true {
                try await Task.sleep(for: interval)
                Terminal.complain("\(work) … \((ContinuousClock.now - start).components.seconds) s\n")
            }
        }
        defer { notice.cancel() }
        return try await body()
    }
}
