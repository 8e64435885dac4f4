import CLibYAML
import Foundation

/// What libyaml alone needs: all events of all files, and nothing done with them.
enum LibYAMLFloor {
    static func events(below folder: String) throws -> Int {
        let manager = FileManager.default
        var count = 0
        for tenant in try manager.contentsOfDirectory(atPath: folder).sorted() where !tenant.hasPrefix(".") {
            for name in try manager.contentsOfDirectory(atPath: "\(folder)/\(tenant)").sorted() {
                let path = "\(folder)/\(tenant)/\(name)"
                guard let data = manager.contents(atPath: path), let events = events(of: data) else {
                    throw ReconcileBench.Problem.unreadable(file: path)
                }
                count += events
            }
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
