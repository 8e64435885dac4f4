import Foundation
import JSON
import NIOCore

/// The state of one tenant as it was read last, and the version in which each part of it changed.
///
/// A change since any version that is still known is computed from it, so viewers need no queues of their own: a slow one
/// gets several changes as one.
struct LiveTenant {
    private struct Item {
        let json: JSONValue
        /// The version in which it changed last.
        let version: Int
    }

    /// Most removed parts that are remembered; beyond, older versions are forgotten.
    private static let mostRemoved = 500

    /// The first part of the ids of messages: versions of other tenants, daemons and starts are not known.
    private let id = UUID().apiText
    var memory = LiveMemory()
    /// The time of the last reading, by the clock of this process; `nil` before.
    private(set) var readAt: ContinuousClock.Instant?
    /// The number of the last version that changed something; `nil` before the first.
    private(set) var version: Int?
    /// The oldest version since which changes are known.
    private var oldest = 0
    private var at = Date.distantPast
    private var items: [LiveKind: [String: Item]] = [:]
    private var removed: [LiveKind: [String: Int]] = [:]
    /// The last message that was encoded: most viewers need the same.
    private var encoded: (since: Int?, version: Int, text: ByteBuffer)?

    /// Takes the parts of a reading.
    ///
    /// - Parameters:
    ///   - parts: The parts by kind and key; a kind that is left out stays as it was.
    ///   - time: The clock of Postgres.
    ///   - instant: The time of the reading by the clock of this process.
    ///   - next: The number of a new version.
    /// - Returns: True if something changed, and the new version with it.
    mutating func apply(
        _ parts: [LiveKind: [String: JSONValue]],
        at time: Date,
        read instant: ContinuousClock.Instant,
        as next: Int
    ) -> Bool {
        var isChanged = version == nil
        (at, readAt) = (time, instant)
        for (kind, new) in parts {
            for (key, json) in new where items[kind]?[key]?.json != json {
                items[kind, default: [:]][key] = Item(json: json, version: next)
                removed[kind]?[key] = nil
                isChanged = true
            }
            for key in (items[kind] ?? [:]).keys where new[key] == nil {
                items[kind]?[key] = nil
                removed[kind, default: [:]][key] = next
                isChanged = true
            }
        }
        guard isChanged else { return false }
        if version == nil { oldest = next }
        version = next
        if removed.values.reduce(0, { $0 + $1.count }) > Self.mostRemoved { (removed, oldest) = ([:], next) }
        return true
    }

    /// Returns the version of a message; `nil` if the changes since then are not known.
    func version(ofMessage messageID: String) -> Int? {
        guard messageID.hasPrefix(id + "-"), let number = Int(messageID.dropFirst(id.count + 1)) else { return nil }
        return version.map { (oldest...$0).contains(number) } ?? false ? number : nil
    }

    /// Returns the message that brings a viewer up to date.
    ///
    /// - Parameter last: The id of the last message that the viewer has; `nil` for none.
    /// - Returns: A snapshot, or a change if the version of the viewer is known; `nil` if there is nothing new.
    mutating func message(since last: String?) -> (id: String, text: ByteBuffer)? {
        guard let version else { return nil }
        let (new, since) = ("\(id)-\(version)", last.flatMap(version(ofMessage:)))
        guard since != version else { return nil }
        if let encoded, encoded.since == since, encoded.version == version { return (new, encoded.text) }
        let name = since == nil ? "snapshot" : "change"
        let data = JSONValue.object(fields(since: since)).canonicalText
        let text = ByteBuffer(string: "id: \(new)\nevent: \(name)\ndata: \(data)\n\n")
        encoded = (since, version, text)
        return (new, text)
    }

    /// Returns all parts of a kind, in the order of their keys.
    func list(_ kind: LiveKind) -> [JSONValue] { list(kind, since: nil) }

    private func fields(since: Int?) -> [String: JSONValue] {
        var fields: [String: JSONValue] = ["at": .string(at.apiText)]
        for kind in LiveKind.allCases { fields[kind.rawValue] = .array(list(kind, since: since)) }
        guard let since else { return fields }
        fields["removed"] = .object(
            Dictionary(
                uniqueKeysWithValues: LiveKind.allCases.map { kind in
                    let keys = (removed[kind] ?? [:]).filter { $0.value > since }.keys.sorted()
                    return (kind.rawValue, .array(keys.map(JSONValue.string)))
                }
            )
        )
        return fields
    }

    private func list(_ kind: LiveKind, since: Int?) -> [JSONValue] {
        (items[kind] ?? [:]).filter { item in since.map { item.value.version > $0 } ?? true }
            .sorted { $0.key < $1.key }.map(\.value.json)
    }
}
