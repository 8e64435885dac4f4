import Store

extension TestDatabase.Template {
    /// A database with all migrations applied.
    public static let migrated = TestDatabase.Template.filled(
        version: Migration.all.map(\.checksum).joined()
    ) { pool, logger in
        _ = try await Migrator(pool: pool, logger: logger).migrate()
    }
}
