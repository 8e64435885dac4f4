/// What an import did to the contacts of a tenant.
public struct ContactImportResult: Hashable, Sendable {
    public var inserted = 0
    public var updated = 0
    /// Contacts that had all these values already; their rows were not written.
    public var unchanged = 0
    /// Rows that a later row of the same file overrode.
    public var duplicates = 0

    public init(inserted: Int = 0, updated: Int = 0, unchanged: Int = 0, duplicates: Int = 0) {
        self.inserted = inserted
        self.updated = updated
        self.unchanged = unchanged
        self.duplicates = duplicates
    }
}
