import Foundation
import Postgres
import Spec
import Store

/// What the database holds of the specs, all of one instant.
struct CurrentState: Sendable {
    let rows: [SpecIdentity: ManagedRow]
    /// Rows that bear the name of a spec, but belong to none; ordered by id.
    let unmanaged: [SpecIdentity: [ManagedRow]]
    let base: (database: String, lastID: Int)

    init(rows: [ManagedRow], unmanaged: [ManagedRow] = [], base: (database: String, lastID: Int)) {
        self.init(rows: Self.byIdentity(rows), unmanaged: unmanaged, base: base)
    }

    private init(
        rows: [SpecIdentity: ManagedRow],
        unmanaged: [ManagedRow],
        base: (database: String, lastID: Int)
    ) {
        self.rows = rows
        self.unmanaged = Dictionary(grouping: unmanaged, by: \.identity)
            .mapValues { $0.sorted { $0.id.uuidString < $1.id.uuidString } }
        self.base = base
    }

    private static func byIdentity(_ rows: [ManagedRow]) -> [SpecIdentity: ManagedRow] {
        var managed = [SpecIdentity: ManagedRow](minimumCapacity: rows.count)
        managed.merge(rows.lazy.map { ($0.identity, $0) }) { first, _ in first }
        return managed
    }

    /// Reads the state that was fetched, and fetches the rows of others that are in the way of new specs, within the
    /// same transaction.
    static func read(
        _ stored: StoredState,
        against desired: DesiredState,
        on connection: PostgresConnection
    ) async throws -> CurrentState {
        let items = desired.items
        let read = await BlockingWork.run {
            Result { try stored.rows.flatMap { try $0.read { items[$0]?.content } } }
        }
        let rows = try read.get()
        let managed = byIdentity(rows)
        let fresh = Dictionary(grouping: items.keys.filter { managed.index(forKey: $0) == nil }, by: \.kind)
        var unmanaged: [ManagedRow] = []
        for kind in SpecKind.allCases {
            let repository = ManagedRepository(kind: kind)
            unmanaged += try await repository.unmanagedRows(named: fresh[kind] ?? [], on: connection)
        }
        return CurrentState(rows: managed, unmanaged: unmanaged, base: stored.base)
    }
}
