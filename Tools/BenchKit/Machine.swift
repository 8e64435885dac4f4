import Foundation

/// The machine that numbers were measured on.
public struct Machine: Codable, Hashable, Sendable {
    public let processor: String
    public let cores: Int
    public let memoryGigabytes: Int
    public let kernel: String
    public let system: String
    /// Name, version and durability settings of each server.
    public let servers: [String]

    /// Describes this machine from `/proc`.
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

/// A reason why a measurement failed.
public enum BenchError: Error, Hashable, Sendable {
    /// A round has no result.
    case nothingMeasured
    /// A file cannot be used.
    case file(path: String, problem: String)
    /// The result is wrong, so its speed means nothing.
    case wrong(String)
}

extension BenchError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .nothingMeasured: "a round measured nothing"
        case .file(let path, let problem): "\(path): \(problem)"
        case .wrong(let what): "not measured, because it did not work: \(what)"
        }
    }
}
