import Foundation

/// Metrics of this process from the kernel.
///
/// The files of `/proc` are in memory, so reading them does not block.
package enum ProcessSamples {
    private static let ticks = Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
    private static let pageSize = max(1, sysconf(Int32(_SC_PAGESIZE)))
    /// The start time, computed once because the result would change with every adjustment of the clock.
    private static let startTime: Double? = {
        guard let uptime = (try? String(contentsOfFile: "/proc/uptime", encoding: .utf8))?.split(separator: " ").first,
            let uptime = Double(uptime), let fields = fields()
        else { return nil }
        return (Date().timeIntervalSince1970 - uptime + fields.started / ticks).rounded()
    }()

    /// Returns the samples; empty without `/proc`.
    package static func read() -> [MetricSample] {
        guard let fields = fields() else { return [] }
        var samples = [
            MetricSample(.cpu, fields.cpu / ticks),
            MetricSample(.memory, fields.residentPages * pageSize),
            MetricSample(.virtualMemory, fields.virtualBytes),
        ]
        if let startTime { samples.append(MetricSample(.startTime, startTime)) }
        if let files = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
            samples.append(MetricSample(.files, files.count))
        }
        return samples
    }

    private struct Fields {
        let cpu: Double
        let started: Double
        let virtualBytes: Int
        let residentPages: Int
    }

    private static func fields() -> Fields? {
        // The program's name, in brackets, may hold any character; after it come numbers.
        guard let text = try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8),
            let end = text.lastIndex(of: ")")
        else { return nil }
        let words = text[text.index(after: end)...].split(separator: " ")
        // The first of these is field 3 of proc(5).
        guard words.count > 21, let user = Double(words[11]), let system = Double(words[12]),
            let started = Double(words[19]), let virtualBytes = Int(words[20]), let residentPages = Int(words[21])
        else { return nil }
        return Fields(
            cpu: user + system,
            started: started,
            virtualBytes: virtualBytes,
            residentPages: residentPages
        )
    }
}
