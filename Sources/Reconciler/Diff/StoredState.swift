import Postgres
import Spec
import Store

/// What the database holds of the specs, all of one instant, and not looked at yet.
struct StoredState: Sendable {
    let rows: [StoredRows]
    let base: (database: String, lastID: Int)

    /// Fetches the managed rows within the caller's transaction, with one query for each kind.
    static func fetch(tenants: [String]?, on connection: PostgresConnection) async throws -> StoredState {
        let base = try await HistoryRepository().base(on: connection)
        var rows: [StoredRows] = []
        for kind in SpecKind.allCases {
            rows.append(try await ManagedRepository(kind: kind).stored(tenants: tenants, on: connection))
        }
        return StoredState(rows: rows, base: base)
    }
}
