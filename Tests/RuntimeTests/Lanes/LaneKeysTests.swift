import Foundation
import Testing

@testable import Runtime

/// The keys of a lane, and the page that describes them.
struct LaneKeysTests {
    @Test func everyKeyIsDescribed() throws {
        let sender = UUID()
        let keys = LaneKeys(quotaGroup: "<quotaGroup>", sender: sender)
        let names = Mirror(reflecting: keys).children.compactMap { $0.value as? String }.map { name in
            name.replacing(sender.uuidString.lowercased(), with: "<sender>")
        }
        let used = Set(names.map { $0.hasPrefix(LaneKeys.quotaQueue) ? $0 + "<YYYYMMDDHH>" : $0 })
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let page = try String(contentsOf: root.appending(path: "docs/data.md"), encoding: .utf8)
        let prefixes = [LaneKeys.queue, LaneKeys.quotaQueue].map { "| `\($0):{" }
        let described = page.split(separator: "\n").filter { line in prefixes.contains { line.hasPrefix($0) } }
            .map { String($0.dropFirst(3).prefix { $0 != "`" }) }
        #expect(Set(described) == used)
        #expect(page.contains("`\(LaneKeys.wakeChannel)`"))
    }
}
