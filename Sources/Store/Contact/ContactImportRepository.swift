import Foundation
public import Postgres
public import Spec

/// The result of an import, in numbers of contacts.
public struct ContactImportResult: Hashable, Sendable {
    public var inserted = 0
    public var updated = 0
    /// Contacts that had all these values already; their rows were not written.
    public var unchanged = 0
    /// Rows that were joined with a later row of the same person.
    public var duplicates = 0
    public var consent = Consent()

    /// Contacts who had opted out, although their row opts them in.
    public struct Consent: Hashable, Sendable {
        /// Contacts who stay opted out of all messages.
        public var optedOut = 0
        /// Contacts who stay opted out of marketing messages only.
        public var marketingStopped = 0
        /// Contacts who were opted in again.
        public var optedIn = 0

        public init(optedOut: Int = 0, marketingStopped: Int = 0, optedIn: Int = 0) {
            (self.optedOut, self.marketingStopped, self.optedIn) = (optedOut, marketingStopped, optedIn)
        }

        static func += (total: inout Consent, part: Consent) {
            total.optedOut += part.optedOut
            total.marketingStopped += part.marketingStopped
            total.optedIn += part.optedIn
        }
    }

    public init(inserted: Int = 0, updated: Int = 0, unchanged: Int = 0, duplicates: Int = 0) {
        self.inserted = inserted
        self.updated = updated
        self.unchanged = unchanged
        self.duplicates = duplicates
    }
}

/// Writes many contacts at once: streamed into a staging table, then merged in batches.
///
/// Two batches are merged at once if the pool has a second connection to spare. No transaction has more than one batch,
/// so that none is huge. A crash in the middle leaves the batches before it in place, and importing the same file again
/// is harmless. The import leaves statistics of the contacts behind. Its locks are held on connections of their own, at most
/// one more than those that merge.
public struct ContactImportRepository: Sendable {
    /// Rows per batch.
    static let batchSize = 50_000

    let pool: PostgresPool
    private let batchSize: Int
    private let erased: ErasedPeople

    /// Makes a repository; the key recognizes people who were erased.
    public init(pool: PostgresPool, erasureKey: ErasureKey? = nil) {
        self.init(pool: pool, batchSize: Self.batchSize, erasureKey: erasureKey)
    }

    init(pool: PostgresPool, batchSize: Int, erasureKey: ErasureKey? = nil) {
        self.pool = pool
        self.batchSize = batchSize
        erased = ErasedPeople(pool: pool, key: erasureKey)
    }

    /// Stages all batches and merges them into the tenant's contacts.
    ///
    /// Columns that are not named are left alone, and so are values of contacts that exist whose cell is empty. With
    /// `emptyClears` an empty cell becomes NULL, or the default where NULL is not allowed; an empty `optedIn` never changes
    /// the consent of a contact that exists. `lastSeen` never moves backwards, and `metadata` is merged key by key. If
    /// several rows have the same `contactId`, the last value of each column counts, with `emptyClears` the last row.
    /// `optedIn=false` is kept as an opt-out; `optedIn=true` undoes an opt-out only with a later `optedInAt`, or if
    /// `allowsOptIn`.
    ///
    /// - Parameters:
    ///   - tenant: The owner of the contacts.
    ///   - columns: The columns of the rows, in their order, with `contactId` among them.
    ///   - batches: The rows; the next batch is asked for when the server has taken the one before.
    ///   - emptyClears: True if an empty cell clears the value of a contact that exists.
    ///   - allowsOptIn: True if rows without a time undo opt-outs.
    ///   - isDryRun: True if contacts are only counted, and nothing is changed.
    ///   - actor: The person who imports.
    ///   - written: Called after each batch with the rows merged so far and the number of all staged rows.
    /// - Returns: The numbers of contacts by result.
    /// - Throws: The error of `batches`, which leaves all contacts unchanged; ``ErasureError`` if erased people would not be
    ///   recognized; or `PostgresError`.
    public func run<Batches: AsyncSequence>(
        tenant: String,
        columns: [ContactColumn],
        batches: Batches,
        emptyClears: Bool = false,
        allowsOptIn: Bool = false,
        isDryRun: Bool = false,
        by actor: RunActor = .daemon,
        written: (_ merged: Int, _ of: Int) -> Void = { _, _ in }
    ) async throws -> ContactImportResult where Batches.Element == ContactImportBatch {
        // Before the file is read.
        try await erased.check(tenant)
        let result: ContactImportResult = try await pool.withConnection { connection in
            let start = try await connection.query("SELECT clock_timestamp()")[0].decode(0, as: Date.self)
            return try await ContactStaging.with(columns, of: tenant, in: pool, on: connection) { staging in
                let staged = try await staging.fill(from: batches, on: connection)
                try await ContactIDColumn.check(longest: try await staging.longestID(on: connection), on: connection)
                try await staging.useKnownIDs(tenant: tenant, on: connection)
                let duplicates = try await staging.removeDuplicates(emptyClears: emptyClears, on: connection)
                var result = ContactImportResult(duplicates: duplicates)
                let merge = ContactMerge(
                    rows: ContactRows(staging),
                    tenant: tenant,
                    emptyClears: emptyClears,
                    consents: ContactConsents(
                        rows: ContactRows(staging),
                        tenant: tenant,
                        allowsOptIn: allowsOptIn,
                        actor: actor
                    ),
                    isDryRun: isDryRun
                )
                let people = isDryRun ? nil : Preparation(erased: erased, staging: staging, start: start, pool: pool)
                try await withSecondConnection { second in
                    try await run(merge, people, upTo: staged, on: [connection] + second) { done, merged in
                        result.inserted += done.inserted
                        result.updated += done.updated
                        result.unchanged += done.unchanged
                        result.consent += done.consent
                        written(merged, staged)
                    }
                }
                return result
            }
        }
        guard !isDryRun else { return result }
        // The contacts are stored; without statistics a daemon analyzes the table later.
        try? await StatisticsRepository(pool: pool).refresh([.contacts], after: result.inserted + result.updated)
        return result
    }

    /// The look at people who were erased, before each batch.
    private struct Preparation: Sendable {
        let erased: ErasedPeople
        let staging: ContactStaging
        /// The start of the import, by Postgres's clock.
        let start: Date
        let pool: PostgresPool

        func run(_ merge: ContactMerge, _ numbers: Range<Int>, on connection: PostgresConnection) async throws
            -> ContactMerge.Done
        {
            try await Erasures.whileNobodyIsErased(merge.tenant, in: pool) {
                try await erased.prepare(staging, numbers, tenant: merge.tenant, since: start, on: connection)
                return try await merge.run(numbers, on: connection)
            }
        }
    }

    /// Merges all rows, one batch at a time on each connection.
    private func run(
        _ merge: ContactMerge,
        _ people: Preparation?,
        upTo last: Int,
        on connections: [PostgresConnection],
        done: (_ result: ContactImportResult, _ merged: Int) -> Void
    ) async throws {
        var rest = stride(from: 1, through: last, by: batchSize).map { $0..<min($0 + batchSize, last + 1) }[...]
        var merged = 0
        try await withThrowingTaskGroup(of: ContactMerge.Done.self) { group in
            for connection in connections {
                guard let numbers = rest.popFirst() else { break }
                group.addTask { try await Self.run(merge, people, numbers, on: connection) }
            }
            while let batch = try await group.next() {
                merged += batch.numbers.count
                done(batch.result, merged)
                guard let numbers = rest.popFirst() else { continue }
                group.addTask { try await Self.run(merge, people, numbers, on: batch.connection) }
            }
        }
    }

    private static func run(
        _ merge: ContactMerge,
        _ people: Preparation?,
        _ numbers: Range<Int>,
        on connection: PostgresConnection
    ) async throws -> ContactMerge.Done {
        guard let people else { return try await merge.run(numbers, on: connection) }
        return try await people.run(merge, numbers, on: connection)
    }

    /// Runs `body` with one more connection, or without it if the pool has no free one.
    private func withSecondConnection(_ body: ([PostgresConnection]) async throws -> Void) async throws {
        let statistics = pool.statistics
        guard statistics.waiting == 0, statistics.idle > 0 || statistics.open < statistics.maxConnections else {
            return try await body([])
        }
        var hasSecond = false
        do {
            try await pool.withConnection { second in
                hasSecond = true
                try await body([second])
            }
        } catch is PostgresError where !hasSecond && !Task.isCancelled {
            // The pool or the server has no second connection to spare: one is slower, but enough.
            try await body([])
        }
    }
}
