public import Foundation
import JSON
import Postgres
import Spec

/// The template of a launch, as WhatsApp has it: what is not approved there would fail for each recipient.
struct LaunchTemplate: Sendable {
    /// The time after which a reading is too old to be relied on without a word.
    private static let staleness = 24.0 * 3_600

    private let mode: TenantSpec.TemplateCheck
    private let key: String
    private let account: String
    private let tenant: String
    /// WhatsApp's view; `nil` if it has none, as far as is known.
    private let seen: SeenTemplate?
    /// The end of the last whole reading; `nil` if the account was never read.
    private let sweptAt: Date?
    private let now: Date
    private let differences: [TemplateComparison.Difference]

    /// Reads what is known of the template of a message.
    ///
    /// - Parameters:
    ///   - message: The message.
    ///   - campaign: The campaign that sends it.
    ///   - sender: Its sender.
    ///   - tenant: Its tenant.
    ///   - connection: The connection to use.
    /// - Returns: `nil` if nothing is to be checked: free text, a sender without an account, or a tenant that does not want it.
    /// - Throws: `PostgresError`.
    static func read(
        _ message: JSONValue,
        campaign: UUID,
        sender: UUID,
        tenant: String,
        on connection: PostgresConnection
    ) async throws -> Self? {
        guard let name = message["template"]?["name"]?.stringValue,
            let language = message["template"]?["language"]?["code"]?.stringValue.map(TemplateState.language)
        else { return nil }
        let rows = try await connection.query(
            """
            SELECT a.name AS "accountName", a."wabaId", now() AS "now", w."sweptAt",
                (SELECT t.templates FROM tenants t WHERE t."tenantId" = \(tenant) AND t."archivedAt" IS NULL) AS mode
            FROM senders s
            JOIN accounts a ON \(key: "a.id", of: #"s."accountId""#)
            LEFT JOIN account_sweeps w ON w."accountId" = a.id AND w."businessAccountId" = a."wabaId"
            WHERE s.id = \(sender)
            """
        )
        guard let row = rows.first else { return nil }
        let mode = try row.decode("mode", as: String?.self).flatMap(TenantSpec.TemplateCheck.init) ?? .strict
        guard mode != .off else { return nil }
        let found = try await connection.query(
            """
            SELECT t.* FROM whatsapp_templates t
            WHERE t."businessAccountId" = \(try row.decode("wabaId", as: String.self)) AND t.name = \(name)
                AND t.language = \(language) AND t."goneAt" IS NULL
            """
        )
        let seen = try found.first.map(SeenTemplate.init(row:))
        var differences: [TemplateComparison.Difference] = []
        if let components = seen?.components {
            let records = try await connection.query(
                """
                \(fragment: TemplateRecord.selection)
                WHERE t.id = (SELECT c."templateId" FROM campaigns c WHERE c.id = \(campaign)) AND t."whatsappName" = \(name)
                """
            )
            let spec = try records.first.map(TemplateRecord.init(row:))?.spec.submissions
                .first { TemplateState.language($0.language ?? "") == language }
            if let spec {
                differences =
                    TemplateComparison(
                        of: TemplateSubmission(spec).request,
                        with: components,
                        parameterFormat: seen?.parameterFormat
                    )
                    .differences
            }
        }
        return Self(
            mode: mode,
            key: "\(name) (\(language))",
            account: try row.decode("accountName"),
            tenant: tenant,
            seen: seen,
            sweptAt: try row.decode("sweptAt"),
            now: try row.decode("now"),
            differences: differences
        )
    }

    /// The reason why WhatsApp would refuse the template, with the remedy, as the end of a sentence; `nil` if it would not.
    var problem: String? {
        guard let seen else {
            return sweptAt == nil
                ? "sends template `\(key)`, and account `\(account)` was not read at WhatsApp yet; a running daemon reads it, "
                    + "`campaignd templates sync --tenant \(tenant)` waits for that"
                : "sends template `\(key)`, which WhatsApp does not have; submit it with `reconcile`"
        }
        if let status = seen.status, !TemplateState.sendable.contains(status) {
            let reason = seen.reason.map { $0 == "NONE" ? "" : " (\($0))" } ?? ""
            return
                "sends template `\(key)`, which is \(status) at WhatsApp\(reason); wait until it is approved, or see "
                + "`campaignd templates list --tenant \(tenant)`"
        }
        guard let first = differences.first else { return nil }
        return
            "sends template `\(key)`, whose text differs from the approved one (\(first.words)); submit it with `reconcile`, or "
            + "correct its spec"
    }

    /// Checks the template of a launch.
    ///
    /// - Throws: ``LaunchError/template(campaign:problem:)`` if its tenant wants that and WhatsApp would refuse it.
    func check(campaign: String) throws(LaunchError) {
        guard mode == .strict, let problem else { return }
        throw .template(campaign: campaign, problem: problem)
    }

    /// The remarks on a launch that was allowed, as sentences.
    var remarks: [String] {
        if let problem { return ["the campaign \(problem)"] }
        guard let sweptAt, now.timeIntervalSince(sweptAt) > Self.staleness else { return [] }
        return [
            "account `\(account)` was read at WhatsApp last at \(sweptAt.formatted(.iso8601)); template `\(key)` was approved then"
        ]
    }
}

extension TemplateState {
    /// The statuses in which WhatsApp takes a template.
    fileprivate static let sendable: Set<String> = [
        "APPROVED", "REINSTATED", "UNARCHIVED", "FLAGGED", "UNFLAGGED", "LOCKED",
    ]
}

extension SubmissionRepository {
    /// Returns what there is to say of the template of a run that was launched, as sentences.
    public func remarks(ofRun run: UUID) async throws -> [String] {
        try await pool.withConnection { connection in
            let rows = try await connection.query(
                """
                SELECT r."campaignId", r."senderId", r."tenantId", v.content -> 'message' AS message FROM campaign_runs r
                JOIN campaign_revisions v ON \(key: "v.id", of: #"r."revisionId""#)
                WHERE r.id = \(run)
                """
            )
            guard let row = rows.first, let message = try row.json("message") else { return [] }
            return try await LaunchTemplate.read(
                message,
                campaign: row.decode("campaignId"),
                sender: row.decode("senderId"),
                tenant: row.decode("tenantId"),
                on: connection
            )?
            .remarks ?? []
        }
    }
}
