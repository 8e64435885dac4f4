import Foundation
import Postgres
import Spec
import Store
import TestSupport

@testable import Reconciler

/// Plans and applies specs given as text, in a database of its own.
struct ReconcilerFixture: Sendable {
    let pool: PostgresPool
    let configuration: PostgresConfiguration
    static let now = Date(timeIntervalSince1970: 1_760_000_000)
    static let origin = Applier.Origin(actor: "tester", gitCommit: "c0ffee", toolVersion: "test")
    /// Overrides the rules that concern a whole catalog.
    static let lax = SafetyRules(allowsEmpty: true, maximumChangePercent: 100)

    /// Overrides all rules, except for protected rows and open runs.
    static func lax(for plan: Plan) -> SafetyRules {
        var rules = lax
        let deletes = plan.changes.filter { $0.action == .delete && !$0.isProtected && !$0.hasRunUnderWay }
        rules.allowedDeletes = Set(deletes.map(\.identity))
        rules.allowedEmptyTenants = Set(plan.tenantSizes.map(\.tenant))
        return rules
    }

    static func with<Value>(isMigrated: Bool = true, _ body: (ReconcilerFixture) async throws -> Value) async throws
        -> Value
    {
        try await TestDatabase.withConfiguration(template: isMigrated ? .migrated : nil) { configuration in
            let pool = PostgresPool(configuration: configuration, acquireTimeout: .seconds(60))
            let result: Result<Value, any Error>
            do {
                result = .success(try await body(ReconcilerFixture(pool: pool, configuration: configuration)))
            } catch {
                result = .failure(error)
            }
            await pool.shutdown(within: .seconds(10))
            return try result.get()
        }
    }

    static func desired(_ texts: [String: String], tenants: [String] = []) throws -> DesiredState {
        let files = texts.map { path, text in
            SpecCatalog.SourceFile(
                path: "campaigns/\(path)",
                tenant: String(path.prefix { $0 != "/" }),
                bytes: Array(text.utf8)
            )
        }
        return try DesiredState(catalog: SpecCatalog.load(files: files), root: "campaigns", tenants: tenants)
    }

    static func desired(_ text: String) throws -> DesiredState {
        try desired(["acme/specs.yaml": text])
    }

    func plan(_ text: String) async throws -> Plan {
        try await plan(Self.desired(text))
    }

    func plan(_ desired: DesiredState) async throws -> Plan {
        try await Planner(pool: pool, logger: TestDatabase.logger, now: { Self.now }).plan(desired)
    }

    @discardableResult
    func apply(
        _ plan: Plan,
        _ desired: DesiredState,
        rules: SafetyRules? = nil
    ) async throws -> Int? {
        try await Applier(pool: pool, now: { Self.now })
            .apply(plan, desired, rules: rules ?? Self.lax(for: plan), origin: Self.origin)
    }

    /// Plans and applies, and returns the plan; a second plan must be empty.
    @discardableResult
    func reach(_ text: String, rules: SafetyRules? = nil) async throws -> Plan {
        let desired = try Self.desired(text)
        let plan = try await plan(desired)
        try await apply(plan, desired, rules: rules)
        let second = try await self.plan(desired)
        guard second.isEmpty else { throw Restless(rest: Self.lines(second)) }
        return plan
    }

    /// The error of a plan that is not empty after it was applied.
    struct Restless: Error {
        let rest: [String]
    }

    /// One line for each change: `~ Sender/main ratePerSecond`.
    static func lines(_ plan: Plan) -> [String] {
        plan.changes.map { change in
            let sign = ["create": "+", "update": "~", "delete": "-"][change.action.rawValue] ?? "?"
            let name = "\(change.identity.kind.rawValue)/\(change.identity.name)"
            return ([sign, name] + change.differences.map(\.path)).joined(separator: " ")
        }
    }

    /// Adds contacts of `acme`; every `nth` one is within its window.
    func addContacts(_ count: Int, inWindow: Int) async throws {
        try await pool.execute(
            """
            INSERT INTO contacts ("tenantId", "contactId", tags, "lastSeen")
            SELECT 'acme', '2547' || n, ARRAY['vip'],
                \(Self.now)::timestamptz - CASE WHEN n <= \(inWindow) THEN interval '1 h' ELSE interval '9 d' END
            FROM generate_series(1, \(count)) AS n
            """
        )
    }

    /// A hash of all rows of all tables that a reconcile may touch.
    func fingerprint() async throws -> [String] {
        let tables = [
            "tenants", "accounts", "senders", "templates", "audiences", "campaigns", "campaign_revisions",
            "campaign_schedules",
            "campaign_triggers", "reconcile_history", "campaign_runs", "contacts",
        ]
        var parts: [String] = []
        for table in tables {
            let rows = try await pool.query(
                "SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM \(identifier: table) t"
            )
            parts.append(try rows[0].decode(0))
        }
        return parts
    }

    func count(_ query: PostgresQuery) async throws -> Int {
        try await pool.query(query)[0].decode(0)
    }
}
