import Foundation

/// Resources of a process, as `/proc` reports them.
public struct ProcessStatistics: Sendable {
    private static let ticksPerSecond = Double(sysconf(Int32(_SC_CLK_TCK)))

    public let parent: Int32
    /// User and system time of all its threads, and of children that it has waited for, in seconds.
    public let cpuSeconds: Double

    /// Reads the resources of a process; `nil` if no such process runs.
    public init?(of process: Int32) {
        // The name is in parentheses and may contain anything.
        guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
            let end = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 14, let parent = Int32(fields[1]) else { return nil }
        self.parent = parent
        cpuSeconds = fields[11...14].reduce(0) { $0 + (Double($1) ?? 0) } / Self.ticksPerSecond
    }

    /// Returns the CPU time of a process and its children, ended ones included, in seconds.
    public static func cpuSeconds(ofTree root: Int32) -> Double {
        let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc"))?.compactMap { Int32($0) } ?? []
        return processes.reduce(0) { sum, process in
            guard let statistics = ProcessStatistics(of: process) else { return sum }
            return process == root || statistics.parent == root ? sum + statistics.cpuSeconds : sum
        }
    }

    /// Returns the peak of the resident memory, in MB.
    public static func peakMegabytes(of process: Int32) -> Double { field("VmHWM", of: process) / 1_024 }

    /// Returns the resident memory now, in MB.
    public static func megabytes(of process: Int32) -> Double { field("VmRSS", of: process) / 1_024 }

    /// Returns the number of open files.
    public static func openFiles(of process: Int32) -> Int {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd")) ?? []).count
    }

    /// Returns the number of times that threads of a process have gone to sleep.
    public static func sleeps(of process: Int32) -> Double {
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
