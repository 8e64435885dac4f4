import BenchKit
import CLibYAML
import Dispatch
import Foundation
import Synchronization

/// Floor of a plan: libyaml parses all files and the events are discarded.
enum LibYAMLFloor {
    /// Parses the files below a folder on several cores and returns the number of events.
    static func events(below folder: String, cores: Int) throws -> Int {
        let manager = FileManager.default
        var files: [String] = []
        for tenant in try manager.contentsOfDirectory(atPath: folder).sorted() where !tenant.hasPrefix(".") {
            for name in try manager.contentsOfDirectory(atPath: "\(folder)/\(tenant)").sorted() {
                files.append("\(folder)/\(tenant)/\(name)")
            }
        }
        let counts = Mutex<[Result<Int, any Error>]>([])
        DispatchQueue.concurrentPerform(iterations: cores) { [files] core in
            let share = files[(core * files.count / cores)..<((core + 1) * files.count / cores)]
            let count = Result { try share.reduce(0) { try $0 + events(in: $1) } }
            counts.withLock { $0.append(count) }
        }
        return try counts.withLock { try $0.reduce(0) { try $0 + $1.get() } }
    }

    private static func events(in path: String) throws -> Int {
        guard let data = FileManager.default.contents(atPath: path), let count = events(of: data) else {
            throw BenchError.file(path: path, problem: "cannot be read as YAML")
        }
        return count
    }

    private static func events(of data: Data) -> Int? {
        var parser = yaml_parser_t()
        guard yaml_parser_initialize(&parser) == 1 else { return nil }
        defer { yaml_parser_delete(&parser) }
        return data.withUnsafeBytes { bytes in
            yaml_parser_set_input_string(&parser, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
            var count = 0
            while true {
                var event = yaml_event_t()
                guard yaml_parser_parse(&parser, &event) == 1 else { return nil }
                let isEnd = event.type == YAML_STREAM_END_EVENT
                yaml_event_delete(&event)
                count += 1
                if isEnd { return count }
            }
        }
    }
}
