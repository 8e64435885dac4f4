import BenchKit
import Foundation

/// What a piece of work took of every process, and of the servers.
struct Effort: Sendable {
    /// CPU seconds by the name of the process.
    private(set) var cpu: [(name: String, seconds: Double)]
    let walBytes: Double
    let transactions: Double
    let redisCommands: Double
    let seconds: Double

    /// Lines for people, for so many things done.
    func details(per count: Int, of things: String) -> [(String, String)] {
        let scale = 10_000 / Double(count)
        var lines = cpu.map { name, seconds in
            (
                "CPU of \(name)",
                "\(Self.text(seconds * scale)) s per 10,000 \(things), \(Int((seconds / self.seconds * 100).rounded())) % of a core"
            )
        }
        lines.append(("write-ahead log", "\(Int(walBytes / Double(count))) bytes of each of the \(things)"))
        lines.append(("transactions", "\(Self.text(transactions / Double(count) * 1_000)) for 1,000 \(things)"))
        if redisCommands > 0 {
            lines.append(("Redis commands", "\(Self.text(redisCommands / Double(count) * 1_000)) for 1,000 \(things)"))
        }
        return lines
    }

    /// The same as numbers.
    func costs(per count: Int) -> [Cost] {
        cpu.map { Cost(.cpu(process: $0.name), $0.seconds / Double(count)) } + [
            Cost(.writeAheadLog, walBytes / Double(count)),
            Cost(.transactions, transactions / Double(count)),
            Cost(.redisCommands, redisCommands / Double(count)),
        ]
    }

    static func text(_ value: Double) -> String { String(format: "%.2f", value) }
}

/// The counters that ``Effort`` is the difference of.
struct EffortMark: Sendable {
    let cpu: [(name: String, seconds: Double)]
    let walBytes: Double
    let transactions: Double
    let redisCommands: Double
    let instant: ContinuousClock.Instant

    static func - (later: EffortMark, earlier: EffortMark) -> Effort {
        Effort(
            cpu: zip(later.cpu, earlier.cpu).map { ($0.name, $0.seconds - $1.seconds) },
            walBytes: later.walBytes - earlier.walBytes,
            transactions: later.transactions - earlier.transactions,
            redisCommands: later.redisCommands - earlier.redisCommands,
            seconds: (later.instant - earlier.instant).inSeconds
        )
    }
}
