import JSON
import Postgres
import Spec
import Spelling
public import Store

/// Rows that a new or shorter retention deletes for good.
public struct RetentionLoss: Hashable, Sendable {
    public let kind: RetentionRepository.Kind
    /// About how many rows, at least 1; `nil` if the role of the plan may not read them.
    public let rows: Int?

    /// The rows in words: `about 1,200 messages`.
    var words: String {
        let row =
            switch kind {
            case .messages: "message"
            case .events: "event"
            case .contacts: "contact"
            case .consents: "replaced statement"
            }
        let count = rows.map { "about \(NumberText.count($0, row))" } ?? "an unknown number of \(row)s"
        switch kind {
        case .messages, .events: return count
        case .contacts: return "the data of \(count)"
        case .consents: return "\(count) about consent"
        }
    }

    /// Lists losses: `about 1,200 messages, about 30 events`.
    static func list(_ losses: [RetentionLoss]) -> String { losses.map(\.words).joined(separator: ", ") }

    /// Counts what the tenants of a plan lose.
    static func add(to plan: inout Plan, on connection: PostgresConnection) async throws {
        for index in plan.changes.indices {
            let change = plan.changes[index]
            guard change.identity.kind == .tenant, change.action != .delete else { continue }
            for kind in RetentionRepository.Kind.allCases {
                guard let seconds = change.shortenedRetention(of: kind) else { continue }
                let rows = try await RetentionEstimate.rows(
                    kind,
                    of: change.identity.tenant,
                    olderThan: seconds,
                    on: connection
                )
                if rows != 0 { plan.changes[index].retentionLosses.append(RetentionLoss(kind: kind, rows: rows)) }
            }
        }
    }
}

extension PlannedChange {
    /// Returns the retention of a kind in seconds, if the change shortens it or sets it for the first time.
    fileprivate func shortenedRetention(of kind: RetentionRepository.Kind) -> Int? {
        func seconds(_ content: JSONValue?) -> Int? {
            content?["retention"]?[kind.rawValue]?.stringValue.flatMap(SpecDuration.init)?.seconds
        }
        guard let after = seconds(after) else { return nil }
        if let before = seconds(before), before <= after { return nil }
        return after
    }

    /// The rows that the change deletes for good, as a sentence; `nil` if it deletes nothing.
    var retentionWarning: String? {
        guard !retentionLosses.isEmpty else { return nil }
        return "`retention` deletes \(RetentionLoss.list(retentionLosses)) for good"
    }
}
