import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

/// A command in a pseudo-terminal, with what a person would see on its screen.
final class PseudoTerminal: Sendable {
    private let main: Int32
    private let process: Process
    private let state: Mutex<State>

    private struct State: Sendable {
        var screen: Screen
        /// The bytes of a character of which the rest is still to come.
        var rest: [UInt8] = []
        var output = ""
    }

    /// Runs `body` with a command whose input, output and errors are a terminal of this size; ends it afterwards.
    static func with<Value>(
        _ command: String,
        _ arguments: [String],
        environment: [String: String],
        columns: Int,
        rows: Int = 24,
        _ body: (PseudoTerminal) async throws -> Value
    ) async throws -> Value {
        let terminal = try PseudoTerminal(command, arguments, environment: environment, columns: columns, rows: rows)
        defer { terminal.signal(SIGKILL) }
        return try await body(terminal)
    }

    private init(
        _ command: String,
        _ arguments: [String],
        environment: [String: String],
        columns: Int,
        rows: Int
    ) throws {
        main = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var (number, isLocked): (CInt, CInt) = (0, 0)
        try #require(
            main >= 0 && ioctl(main, Self.setLock, &isLocked) == 0 && ioctl(main, Self.getNumber, &number) == 0
        )
        state = Mutex(State(screen: Screen(columns: columns, rows: rows)))
        Self.setSize(main, columns: columns, rows: rows)
        let other = try #require(FileHandle(forUpdatingAtPath: "/dev/pts/\(number)"))
        process = Process()
        // A shell without job control starts what is in the background with SIGINT ignored, and so do all its descendants,
        // these tests among them. A terminal does not.
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["--default-signal=INT", Command.path(of: command)] + arguments
        process.environment = environment
        process.standardInput = other
        process.standardOutput = other
        process.standardError = other
        try process.run()
        try other.close()
        DispatchQueue.global().async { [self] in read() }
    }

    deinit {
        close(main)
    }

    /// TIOCGPTN and TIOCSPTLCK, which are macros that Swift does not import.
    private static let (getNumber, setLock): (UInt, UInt) = (0x8004_5430, 0x4004_5431)

    private static func setSize(_ terminal: Int32, columns: Int, rows: Int) {
        var size = winsize()
        (size.ws_col, size.ws_row) = (UInt16(columns), UInt16(rows))
        _ = ioctl(terminal, UInt(TIOCSWINSZ), &size)
    }

    /// Reads until the command has ended, which Linux reports as an error.
    private func read() {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = Glibc.read(main, &buffer, buffer.count)
            guard count > 0 else { return }
            state.withLock { state in
                state.rest += buffer[..<count]
                // A character has at most four bytes, so that its beginning is among the last three.
                var end = state.rest.count
                while end > max(0, state.rest.count - 3), String(validating: state.rest[..<end], as: UTF8.self) == nil {
                    end -= 1
                }
                let text = String(decoding: state.rest[..<end], as: UTF8.self)
                state.rest.removeFirst(end)
                state.output += text
                state.screen.take(text)
            }
        }
    }

    /// The rows of the screen, without those below the last text.
    var rows: [String] { state.withLock { $0.screen.text } }

    /// All that was written.
    var output: String { state.withLock { $0.output } }

    /// Changes the size of the terminal, as a person does who drags its corner.
    func resize(columns: Int, rows: Int = 24) {
        state.withLock { $0.screen.resize(columns: columns, rows: rows) }
        Self.setSize(main, columns: columns, rows: rows)
        kill(process.processIdentifier, SIGWINCH)
    }

    /// Types text.
    func type(_ text: String) throws {
        let bytes = Array(text.utf8)
        try #require(write(main, bytes, bytes.count) == bytes.count)
    }

    func signal(_ signal: Int32) {
        if process.isRunning { kill(process.processIdentifier, signal) }
    }

    /// Waits for the end of the command and returns its exit code.
    func exitCode(within limit: Duration = .seconds(90)) async throws -> Int32 {
        try await eventually(within: limit, "the command ends") { !self.process.isRunning }
        return process.terminationStatus
    }
}

/// The screen of a terminal that knows the few control sequences of progress lines.
struct Screen: Sendable {
    private var cells: [[Character]]
    private var (row, column) = (0, 0)
    private var columns: Int
    /// A control sequence of which the rest is still to come.
    private var sequence = ""

    init(columns: Int, rows: Int) {
        self.columns = columns
        cells = Array(repeating: [], count: rows)
    }

    var text: [String] {
        let lines = cells.map { String($0).replacing(#/ +$/#, with: "") }
        return Array(lines.prefix((lines.lastIndex { !$0.isEmpty } ?? -1) + 1))
    }

    /// Cuts what does not fit, as xterm does; other terminals break such lines anew.
    mutating func resize(columns: Int, rows: Int) {
        self.columns = columns
        cells = (0..<rows).map { $0 < cells.count ? Array(cells[$0].prefix(columns)) : [] }
        (row, column) = (min(row, rows - 1), min(column, columns))
    }

    mutating func take(_ text: String) {
        for scalar in text.unicodeScalars {
            let character = Character(scalar)
            if !sequence.isEmpty {
                sequence.append(character)
                if sequence.count > 2, character.isLetter { obey() }
            } else {
                switch character {
                case "\u{1B}": sequence = "\u{1B}"
                case "\r": column = 0
                case "\n": newLine()
                default: put(character)
                }
            }
        }
    }

    private mutating func newLine() {
        if row == cells.count - 1 {
            cells.removeFirst()
            cells.append([])
        } else {
            row += 1
        }
    }

    private mutating func put(_ character: Character) {
        if column == columns {
            newLine()
            column = 0
        }
        while cells[row].count <= column { cells[row].append(" ") }
        cells[row][column] = character
        column += 1
    }

    private mutating func obey() {
        let count = Int(sequence.dropFirst(2).dropLast())
        switch sequence.last {
        case "A": row = max(0, row - (count ?? 1))
        case "H": (row, column) = (0, 0)
        case "K": cells[row] = []
        case "J": for below in (count == 2 ? 0 : row)..<cells.count { cells[below] = [] }
        default: Issue.record("unknown control sequence \(sequence.debugDescription)")
        }
        sequence = ""
    }
}
