import Foundation
import Redis
import Testing

@testable import Runtime

/// The keys of a lane, and the page that describes them.
struct LaneKeysTests {
    @Test func everyKeyIsDescribed() throws {
        let sender = UUID()
        let keys = LaneKeys(prefix: "", quotaGroup: "<quotaGroup>", sender: sender)
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
        #expect(page.contains("`\(LaneKeys.wakeChannel(prefix: ""))`"))
    }

    @Test func everyKeyBeginsWithThePrefixAndKeepsItsSlot() {
        let sender = UUID()
        func names(_ prefix: String) -> [String] {
            let keys = LaneKeys(prefix: prefix, quotaGroup: "acme/main", sender: sender)
            return Mirror(reflecting: keys).children.compactMap { $0.value as? String }
        }
        #expect(names("").count == 12)
        #expect(names("staging:") == names("").map { "staging:" + $0 })
        #expect(Set((names("staging:") + names("")).map(RedisClusterSlot.slot(for:))).count == 1)
    }

    /// Scripts touch only keys that they are given, or buckets whose names begin with one.
    @Test func scriptsMakeNoKeysOfTheirOwn() {
        let names: Set = ["key", "delayed", "ready", "unpack(buckets"]
        for script in LaneScripts.all + [LaneScripts.rights] {
            for call in script.source.matches(of: /redis\.call\('(\w+)', ([^,)]+)/) {
                let key = String(call.2)
                #expect(key.hasPrefix("KEYS[") || names.contains(key), "\(script.name): \(call.0)")
            }
            for assignment in script.source.matches(of: /(?:local key =|buckets\[h\] =) (\S+)/) {
                #expect(assignment.1.hasPrefix("KEYS["), "\(script.name): \(assignment.0)")
            }
            #expect(!script.source.contains(":{") && !script.source.contains("campaign:"), "\(script.name)")
        }
    }
}
