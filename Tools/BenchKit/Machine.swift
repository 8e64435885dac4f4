import Foundation

/// Where numbers come from.
public struct Machine: Codable, Hashable, Sendable {
    public let processor: String
    public let cores: Int
    public let memoryGigabytes: Int
    public let kernel: String
    public let system: String
    /// Name and version of each server, and what makes it durable.
    public let servers: [String]

    /// Reads the machine from `/proc`, and takes what the servers say of themselves.
    public static func current(servers: [String]) -> Machine {
        let processor = field("model name", of: "/proc/cpuinfo") ?? "unknown processor"
        let kilobytes = field("MemTotal", of: "/proc/meminfo").flatMap { Int($0.prefix { $0.isNumber }) } ?? 0
        let system = text("/etc/os-release").split(separator: "\n").first { $0.hasPrefix("PRETTY_NAME=") }
        return Machine(
            processor: processor,
            cores: ProcessInfo.processInfo.activeProcessorCount,
            memoryGigabytes: Int((Double(kilobytes) / 1_048_576).rounded()),
            kernel: text("/proc/sys/kernel/osrelease").trimmingCharacters(in: .whitespacesAndNewlines),
            system: system.map { $0.dropFirst(12).trimmingCharacters(in: ["\""]) } ?? "Linux",
            servers: servers
        )
    }

    var sentence: String {
        "\(cores) × \(processor), \(memoryGigabytes) GB; \(system), Linux \(kernel); \(servers.joined(separator: "; "))"
    }

    private static func field(_ name: String, of file: String) -> String? {
        text(file).split(separator: "\n").first { $0.hasPrefix(name) }?
            .split(separator: ":", maxSplits: 1).last?.trimmingCharacters(in: .whitespaces)
    }

    private static func text(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
}
