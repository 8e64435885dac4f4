import Postgres
import Spec
import Store

/// Tells changes that authors made to specs from changes that somebody made to rows by hand.
enum DriftDetector {
    /// Marks the differences whose field is no longer what was last applied.
    static func mark(_ plan: inout Plan, on connection: PostgresConnection) async throws {
        let updated = plan.changes.filter { $0.action == .update }.map(\.identity)
        let applied = try await HistoryRepository().lastApplied(updated, on: connection)
        for index in plan.changes.indices {
            let change = plan.changes[index]
            guard change.action == .update, let content = applied[change.identity.description] else { continue }
            let drifted = Set(ValueDiffer.differences(from: content, to: change.before).map(\.path))
            for position in change.differences.indices where drifted.contains(change.differences[position].path) {
                plan.changes[index].differences[position].isDrift = true
            }
        }
    }
}
