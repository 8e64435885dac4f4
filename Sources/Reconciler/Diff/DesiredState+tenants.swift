import Spec

extension DesiredState {
    /// Checks that every tenant that was asked for has specs or rows.
    ///
    /// - Throws: ``ReconcileError/unknownTenants(_:known:)``.
    func checkTenants(against state: CurrentState) throws(ReconcileError) {
        guard let tenants else { return }
        let known = Set(items.keys.map(\.tenant)).union(state.rows.keys.map(\.tenant))
        let unknown = tenants.filter { !known.contains($0) }
        guard unknown.isEmpty else { throw .unknownTenants(unknown, known: allTenants) }
    }
}
