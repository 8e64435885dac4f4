import Foundation

/// What the kernel knows of a process, from `/proc`.
struct ProcessStatistics: Sendable {
    private static let ticksPerSecond = Double(sysconf(Int32(_SC_CLK_TCK)))

    let parent: Int32
    /// User and system time of all its threads, and of children that it has waited for, in seconds.
    let cpuSeconds: Double

    /// - Returns: `nil` when there is no such process.
    init?(of process: Int32) {
        // The name stands in parentheses and may contain anything.
        guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
            let end = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 14, let parent = Int32(fields[1]) else { return nil }
        self.parent = parent
        cpuSeconds = fields[11...14].reduce(0) { $0 + (Double($1) ?? 0) } / Self.ticksPerSecond
    }

    /// CPU time of a process and its children, in seconds; of those that have ended too.
    static func cpuSeconds(ofTree root: Int32) -> Double {
        let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc"))?.compactMap { Int32($0) } ?? []
        return processes.reduce(0) { sum, process in
            guard let statistics = ProcessStatistics(of: process) else { return sum }
            return process == root || statistics.parent == root ? sum + statistics.cpuSeconds : sum
        }
    }

    /// The most memory that a process has had resident, in MB.
    static func peakMegabytes(of process: Int32) -> Double { field("VmHWM", of: process) / 1_024 }

    /// Times that all threads of a process have gone to sleep.
    static func sleeps(of process: Int32) -> Double {
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/task")) ?? []
        return threads.reduce(0) { $0 + field("voluntary_ctxt_switches", of: process, thread: $1) }
    }

    private static func field(_ name: String, of process: Int32, thread: String? = nil) -> Double {
        let path = thread.map { "/proc/\(process)/task/\($0)/status" } ?? "/proc/\(process)/status"
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix(name + ":") }
        let words = line?.split(whereSeparator: { $0 == " " || $0 == "\t" }) ?? []
        return words.count > 1 ? Double(words[1]) ?? 0 : 0
    }
}
