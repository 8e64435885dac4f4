import JSON
import Postgres

/// A node of a plan, as EXPLAIN prints it.
struct PlanNode {
    /// The column that the condition of an index must hold; without it, the index finds all rows of a tenant, run or
    /// campaign.
    private static let deciding = [
        "contacts_tenantId_contactId_key": "contactId", "contacts_tenantId_key_index": "contactId",
        "suppressions_pkey": "key", "trigger_events_eventId_key": "eventId",
        "campaign_chunks_pkey": "startPosition", "campaigns_triggerKey_index": "triggerType",
    ]
    /// Indexes of rows that wait for something: reading one from end to end is the purpose of a look.
    private static let ofOpenRows: Set = [
        "campaign_runs_open_index", "campaign_runs_active_key", "campaign_runs_backlog_index",
        "campaign_runs_cancelled_index", "campaign_schedules_due_index", "campaigns_scheduledAt_index",
        "webhook_inbox_pkey", "senders_pkey", "senders_phoneNumberId_index", "senders_tenantId_name_key",
        "queue_epochs_pkey", "tenants_tenantId_key", "wallets_pkey", "wallet_holds_open_index",
        "suppressions_unmatched_index", "webhook_receivers_pkey",
    ]
    /// Indexes that find more rows than a batch needs, whatever their condition.
    private static let unfit: Set = [
        "contacts_tenantId_lastSeen_index", "contacts_tenantId_paymentStatus_index",
        "campaign_messages_campaignId_triggerEventId_key", "campaign_messages_runId_errorCode_index",
        "campaigns_tenantId_status_index", "campaigns_tenantId_createdAt_index",
        "campaigns_tenantId_sourceModule_index", "campaign_runs_tenantId_index",
    ]
    /// Tables that stay small, or whose rows all wait.
    private static let small: Set = [
        "senders", "tenants", "queue_epochs", "wallets", "webhook_inbox", "daemon_heartbeats", "webhook_receivers",
    ]

    let node: JSONValue

    /// The problems of the node and those below it.
    var problems: [String] { own + (node["Plans"]?.arrayValue ?? []).flatMap { PlanNode(node: $0).problems } }

    private var own: [String] {
        let type = text("Node Type")
        if ["Hash Join", "Merge Join"].contains(type) { return [type] }
        if type == "Seq Scan", !Self.small.contains(text("Relation Name")) {
            return ["reads \(text("Relation Name")) from end to end"]
        }
        guard ["Index Scan", "Index Only Scan", "Bitmap Index Scan"].contains(type) else { return [] }
        let index = text("Index Name")
        let condition = text("Index Cond")
        if condition.isEmpty {
            return Self.ofOpenRows.contains(index) ? [] : ["reads \(index) from end to end"]
        }
        if Self.unfit.contains(index) { return ["\(index) finds too many rows by \(condition)"] }
        if let column = Self.deciding[index], !condition.contains(column) {
            return ["\(index) is used without \(column): \(condition)"]
        }
        return []
    }

    private func text(_ key: String) -> String { node[key]?.stringValue ?? "" }
}

extension PlanNode {
    /// Explains the statements that the only connection of a pool has prepared, with plans for any parameters.
    ///
    /// - Returns: The statements with their problems, and the number of all statements.
    static func problems(of pool: PostgresPool) async throws -> (found: [String], statements: Int) {
        let prepared = try await pool.query(
            """
            SELECT name, statement, cardinality(parameter_types) FROM pg_prepared_statements
            WHERE statement ~ '^\\s*(WITH|SELECT|UPDATE|DELETE|INSERT)'
                AND statement !~ 'pg_prepared_statements|pg_notify'
            """
        )
        var found: [String] = []
        for row in prepared {
            let name = try row.decode(0, as: String.self)
            let count = try row.decode(2, as: Int.self)
            let values = count > 0 ? "(\(repeatElement("NULL", count: count).joined(separator: ", ")))" : ""
            let plans = try await pool.query(
                PostgresQuery(sql: "EXPLAIN (FORMAT JSON, COSTS OFF) EXECUTE \"\(name)\"\(values)")
            )
            let json = try JSONValue(parsing: plans[0].decode(0, as: PostgresJSON.self).text)
            for plan in json.arrayValue ?? [] {
                guard let node = plan["Plan"] else { continue }
                let problems = PlanNode(node: node).problems
                if !problems.isEmpty {
                    let words = try row.decode(1, as: String.self).split(whereSeparator: \.isWhitespace)
                    let statement = words.joined(separator: " ").prefix(300)
                    found.append("\(problems.joined(separator: "; ")) in: \(statement)")
                }
            }
        }
        return (found, prepared.count)
    }
}
