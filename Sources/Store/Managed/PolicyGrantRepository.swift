import JSON
public import Postgres
public import Spec

/// The limits that reviewers allowed specs beyond the policies of their tenants.
///
/// They are stored with the campaign, or with the tenant if they concern all its campaigns.
public struct PolicyGrantRepository: Sendable {
    public init() {}

    /// Returns the limits of managed tenants and campaigns, and of the schedules of those campaigns.
    ///
    /// - Parameters:
    ///   - tenants: The owners; `nil` means all tenants.
    ///   - connection: The connection, in a transaction.
    /// - Returns: The limits by rule.
    /// - Throws: `PostgresError`, or `JSONError`.
    public func stored(
        tenants: [String]?,
        on connection: PostgresConnection
    ) async throws -> [SpecIdentity: [TenantPolicy.Rule: PolicyLimit]] {
        let rows = try await connection.query(
            """
            SELECT \(SpecKind.campaign.rawValue)::text AS kind, m."tenantId", m.name, m."allowedPolicy" FROM campaigns m
            WHERE \(fragment: Self.isOurs(tenants))
            UNION ALL
            SELECT \(SpecKind.tenant.rawValue)::text, m."tenantId", m.name, m."allowedPolicy" FROM tenants m
            WHERE \(fragment: Self.isOurs(tenants))
            UNION ALL
            SELECT \(SpecKind.schedule.rawValue)::text, s."tenantId", s.name, m."allowedPolicy" FROM campaigns m
            JOIN campaign_schedules s ON s."campaignId" = m.id AND s."managedBy" = 'spec' AND s."archivedAt" IS NULL
            WHERE \(fragment: Self.isOurs(tenants))
            """
        )
        var limits: [SpecIdentity: [TenantPolicy.Rule: PolicyLimit]] = [:]
        for row in rows {
            guard let kind = SpecKind(rawValue: try row.decode("kind")) else { continue }
            limits[try row.identity(kind)] = PolicyGrants(try row.json("allowedPolicy")).limits
        }
        return limits
    }

    private static func isOurs(_ tenants: [String]?) -> PostgresQuery {
        let all: PostgresQuery = """
            m."allowedPolicy" IS NOT NULL AND m."managedBy" = 'spec' AND m."archivedAt" IS NULL
            """
        guard let tenants else { return all }
        return "\(fragment: all) AND m.\"tenantId\" = ANY(\(tenants)::text[])"
    }

    /// Stores limits with the rows that exist now; a limit replaces the former one of its rule.
    ///
    /// - Throws: `PostgresError`.
    public func store(_ grants: [PolicyGrant], on connection: PostgresConnection) async throws {
        for (identity, own) in Dictionary(grouping: grants, by: \.identity) {
            let limits = PolicyGrants(own).json
            let change: PostgresQuery = """
                "allowedPolicy" = coalesce(m."allowedPolicy", '{}') || \(PostgresJSON(limits))::jsonb
                """
            let isManaged: PostgresQuery = """
                "tenantId" = \(identity.tenant) AND name = \(identity.name) AND "managedBy" = 'spec'
                    AND "archivedAt" IS NULL
                """
            switch identity.kind {
            case .campaign:
                try await connection.execute(
                    "UPDATE campaigns m SET \(fragment: change) WHERE \(fragment: isManaged)"
                )
            case .tenant:
                try await connection.execute("UPDATE tenants m SET \(fragment: change) WHERE \(fragment: isManaged)")
            case .schedule:
                try await connection.execute(
                    """
                    UPDATE campaigns m SET \(fragment: change)
                    WHERE m.id = (SELECT "campaignId" FROM campaign_schedules WHERE \(fragment: isManaged))
                    """
                )
            case .account, .sender, .template, .audience, .trigger: continue
            }
        }
    }
}

/// The column `allowedPolicy`: the limits by rule.
struct PolicyGrants: Sendable {
    let limits: [TenantPolicy.Rule: PolicyLimit]

    init(_ json: JSONValue?) {
        var limits: [TenantPolicy.Rule: PolicyLimit] = [:]
        for rule in TenantPolicy.Rule.allCases {
            guard let text = json?[rule.rawValue]?.stringValue else { continue }
            limits[rule] = PolicyLimit(text, of: rule)
        }
        self.limits = limits
    }

    init(_ grants: [PolicyGrant]) {
        limits = Dictionary(grants.map { ($0.rule, $0.limit) }) { _, last in last }
    }

    var json: JSONValue {
        .object(Dictionary(uniqueKeysWithValues: limits.map { ($0.key.rawValue, .string($0.value.description)) }))
    }
}

/// The environment whose values the specs of the database have, such as `production`.
///
/// It is recorded by the transaction that applies specs, so that the specs of another environment are never mixed in.
package enum SpecEnvironmentRepository {
    /// Returns the environment of the specs that were applied last; `nil` if they had none.
    package static func stored(on connection: PostgresConnection) async throws -> String? {
        try await connection.query("SELECT name FROM spec_environment").first?.decode(0)
    }

    /// Records the environment of the specs that are applied; `nil` removes the record.
    package static func store(_ environment: String?, on connection: PostgresConnection) async throws {
        guard let environment else {
            try await connection.execute("DELETE FROM spec_environment")
            return
        }
        try await connection.execute(
            """
            INSERT INTO spec_environment (name) VALUES (\(environment))
            ON CONFLICT ("isOnly") DO UPDATE SET name = excluded.name, "setAt" = now()
            WHERE spec_environment.name <> excluded.name
            """
        )
    }
}
