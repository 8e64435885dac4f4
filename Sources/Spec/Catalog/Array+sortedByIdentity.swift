extension Array where Element == Located<any SpecContent> {
    /// The specs sorted by identity, tenant by tenant on all cores; they come in the order of their files, in which
    /// those of one tenant stand together.
    func sortedByIdentity() -> [Element] {
        var runs: [(tenant: String, specs: [Element])] = []
        var start = startIndex
        while start < endIndex {
            let tenant = self[start].identity.tenant
            let end = self[start...].firstIndex { $0.identity.tenant != tenant } ?? endIndex
            runs.append((tenant, Array(self[start..<end])))
            start = end
        }
        let tenants = Dictionary(runs) { $0 + $1 }.sorted { $0.key < $1.key }
        return tenants.parallelMap(by: 1) { _, specs in
            specs.sorted { ($0.identity.kind, $0.identity.name) < ($1.identity.kind, $1.identity.name) }
        }
        .flatMap { $0 }
    }
}
