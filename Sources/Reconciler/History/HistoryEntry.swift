import Calendar
import Foundation
public import JSON
public import Postgres
import Spec
public import Store

/// An applied plan as the history keeps it.
public struct HistoryEntry: Sendable {
    public let record: HistoryRepository.Record
    /// The plan as JSON.
    public let plan: JSONValue
    let changes: [PlannedChange]

    /// The tenants whose specs it changed, sorted.
    public var tenants: [String] { Set(changes.map(\.identity.tenant)).sorted() }

    /// Reads an entry.
    ///
    /// - Parameters:
    ///   - id: The number that `reconcile history` shows.
    ///   - pool: The database.
    /// - Returns: The entry; `nil` if there is none with this number.
    /// - Throws: ``HistoryError/unreadable(_:)``, `PostgresError`.
    public static func read(_ id: Int, pool: PostgresPool) async throws -> HistoryEntry? {
        guard let (record, plan) = try await HistoryRepository().entry(id, pool: pool) else { return nil }
        return try HistoryEntry(record: record, plan: plan)
    }

    init(record: HistoryRepository.Record, plan: JSONValue) throws(HistoryError) {
        self.record = record
        self.plan = plan
        guard let changes = plan["changes"]?.arrayValue else { throw .unreadable(record.id) }
        self.changes = try changes.map { (json) throws(HistoryError) in
            guard let change = PlannedChange(stored: json) else { throw .unreadable(record.id) }
            return change
        }
    }
}

/// The reason why an entry of the history cannot be used.
public enum HistoryError: Error, Hashable, CustomStringConvertible {
    case unknown(Int)
    case unreadable(Int)

    public var description: String {
        switch self {
        case .unknown(let id): "the history has no entry \(id); `reconcile history` lists the entries"
        case .unreadable(let id):
            "entry \(id) of the history cannot be read; it may be from a newer version of this program"
        }
    }
}

extension PlannedChange {
    /// Reads a change from the JSON of a plan, in the form of any version; `nil` if it is none.
    fileprivate init?(stored json: JSONValue) {
        guard let action = json["action"]?.stringValue.flatMap(Action.init(rawValue:)),
            let tenant = json["tenant"]?.stringValue,
            let kind = json["kind"]?.stringValue.flatMap(SpecKind.init(rawValue:)),
            let name = json["name"]?.stringValue
        else { return nil }
        let identity = SpecIdentity(tenant: tenant, kind: kind, name: name)
        let former = json["renamedFrom"]?.stringValue.map { SpecIdentity(tenant: tenant, kind: kind, name: $0) }
        self.init(
            action: action,
            identity: identity,
            renamedFrom: former,
            row: json["before"].map { ManagedRow(id: UUID(), identity: former ?? identity, content: $0) },
            after: json["after"],
            differences: (json["differences"]?.arrayValue ?? []).map { difference in
                var read = FieldDifference(
                    path: difference["path"]?.stringValue ?? "",
                    before: difference["before"],
                    after: difference["after"]
                )
                read.isDrift = difference["isDrift"] == true
                return read
            },
            place: json["place"].flatMap(SourcePlace.init(stored:)),
            isAdoption: json["isAdoption"] == true
        )
        let origins = json["inheritedFrom"]?.arrayValue?.compactMap(\.stringValue) ?? []
        inheritedFrom = origins.compactMap(SpecIdentity.init(path:))
        if let impact = json["impact"] { self.impact = CampaignImpact(stored: impact) }
        eventCost = json["eventCost"].flatMap { EventCost(json: $0) }
        if let times = json["fireTimes"] { fireTimes = FireTimes(stored: times, at: identity) }
    }
}

extension SpecIdentity {
    /// Reads `acme/Campaign/offer`.
    fileprivate init?(path: String) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let kind = SpecKind(rawValue: parts[1]) else { return nil }
        self.init(tenant: parts[0], kind: kind, name: parts[2])
    }
}

extension SourcePlace {
    fileprivate init?(stored json: JSONValue) {
        guard let file = json["file"]?.stringValue, let line = json["line"]?.integerValue,
            let column = json["column"]?.integerValue
        else { return nil }
        let position = Position(line: line, column: column, offset: 0)
        self.init(file: file, start: position, end: position)
    }
}

extension CampaignImpact {
    fileprivate init?(stored json: JSONValue) {
        guard let recipients = json["recipients"]?.integerValue, let inWindow = json["inWindow"]?.integerValue,
            let rate = json["ratePerSecond"]?.integerValue, let seconds = json["estimatedSeconds"]?.integerValue
        else { return nil }
        self.init(
            recipients: recipients,
            inWindow: inWindow,
            // Entries from before the reasons were counted know only those whom free text could not reach.
            leftOut: json["leftOut"].map { LeftOut(json: $0) }
                ?? LeftOut([.windowClosed: json["unreachable"]?.integerValue ?? 0]),
            funnel: json["funnel"].flatMap { AudienceFunnel(json: $0) },
            ratePerSecond: rate,
            dailyLimit: json["dailyLimit"]?.integerValue,
            isLimitedByWhatsApp: json["isLimitedByWhatsApp"] == true,
            quotaLeft: json["quotaLeft"]?.integerValue,
            estimatedSeconds: Double(seconds),
            isBroadcast: json["isBroadcast"] != false,
            cost: json["cost"].flatMap { CostEstimate(json: $0) },
            languages: json["languages"].flatMap { LanguageCounts(json: $0) }
        )
    }
}

extension PlannedChange.FireTimes {
    /// Reads the times; clock changes are not told, because the times may have passed.
    fileprivate init(stored json: JSONValue, at identity: SpecIdentity) {
        func times(_ field: String) -> [Date] {
            (json[field]?.arrayValue ?? []).compactMap { $0.stringValue.flatMap { Instant($0)?.date } }
        }
        let (before, after) = (times("before"), times("after"))
        let zone = json["timeZone"]?.stringValue.flatMap { IANAZone($0) }
        let last = (before + after).max() ?? Date(timeIntervalSince1970: 0)
        self.init(before: before, after: after, clock: zone, schedule: zone, now: last)
    }
}
