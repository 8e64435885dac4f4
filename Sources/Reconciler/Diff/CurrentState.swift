import Foundation
import Postgres
import Spec
import Store

/// The rows that are compared with specs, all of one instant.
struct CurrentState: Sendable {
    let rows: [SpecIdentity: ManagedRow]
    /// Unmanaged rows that have the name of a spec, ordered by id.
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

    /// Decodes the fetched rows, and fetches unmanaged rows with the names of new specs, in the same transaction.
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

/// The managed rows of one instant, fetched and not decoded yet.
struct StoredState: Sendable {
    let rows: [StoredRows]
    let base: (database: String, lastID: Int)

    /// Fetches the managed rows in the caller's transaction, with one query for each kind.
    static func fetch(tenants: [String]?, on connection: PostgresConnection) async throws -> StoredState {
        let base = try await HistoryRepository().base(on: connection)
        var rows: [StoredRows] = []
        for kind in SpecKind.allCases {
            rows.append(try await ManagedRepository(kind: kind).stored(tenants: tenants, on: connection))
        }
        return StoredState(rows: rows, base: base)
    }
}
