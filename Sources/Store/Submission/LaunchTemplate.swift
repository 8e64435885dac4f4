public import Foundation
import JSON
import Postgres
import Spec

/// The template of a launch in each language that its message has, as WhatsApp has it: what is not approved there would fail for
/// each recipient.
struct LaunchTemplate: Sendable {
    /// The time after which a reading is too old to be relied on without a word.
    private static let staleness = 24.0 * 3_600

    /// The template in one language.
    struct Language: Sendable {
        /// With an underscore.
        let code: String
        /// WhatsApp's view; `nil` if it has none, as far as is known.
        let seen: SeenTemplate?
        /// The parts in which the text at WhatsApp is not that of the spec.
        let differences: [TemplateComparison.Difference]
    }

    let mode: TenantSpec.TemplateCheck
    /// The name at WhatsApp.
    let name: String
    /// The name of the account.
    let account: String
    let tenant: String
    let languages: [Language]
    /// The end of the last whole reading; `nil` if the account was never read.
    let sweptAt: Date?
    let now: Date

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
        let codes = MessageLanguages.all(of: message).compactMap { variant in
            variant["template"]?["language"]?["code"]?.stringValue.map(TemplateState.language)
        }
        guard let name = message["template"]?["name"]?.stringValue, !codes.isEmpty else { return nil }
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
                AND t.language = ANY(\(codes)::text[]) AND t."goneAt" IS NULL
            """
        )
        .map(SeenTemplate.init(row:))
        var specs: [TemplateSpec] = []
        if found.contains(where: { $0.components != nil }) {
            let records = try await connection.query(
                """
                \(fragment: TemplateRecord.selection)
                WHERE t.id = (SELECT c."templateId" FROM campaigns c WHERE c.id = \(campaign)) AND t."whatsappName" = \(name)
                """
            )
            specs = try records.first.map(TemplateRecord.init(row:))?.spec.submissions ?? []
        }
        return Self(
            mode: mode,
            name: name,
            account: try row.decode("accountName"),
            tenant: tenant,
            languages: codes.map { code in
                let seen = found.first { $0.language == code }
                let spec = specs.first { TemplateState.language($0.language ?? "") == code }
                return Language(code: code, seen: seen, differences: differences(of: spec, from: seen))
            },
            sweptAt: try row.decode("sweptAt"),
            now: try row.decode("now")
        )
    }

    private static func differences(
        of spec: TemplateSpec?,
        from seen: SeenTemplate?
    ) -> [TemplateComparison.Difference] {
        guard let spec, let seen, let components = seen.components else { return [] }
        return TemplateComparison(
            of: TemplateSubmission(spec).request,
            with: components,
            parameterFormat: seen.parameterFormat,
            category: seen.category,
            ttlSeconds: seen.ttlSeconds
        )
        .differences
    }

    /// The reason why WhatsApp would refuse the template in one of its languages, with the remedy, as the end of a sentence; `nil`
    /// if it would refuse none.
    var problem: String? { languages.lazy.compactMap { problem(of: $0) }.first }

    private func problem(of language: Language) -> String? {
        let key = "\(name) (\(language.code))"
        guard let seen = language.seen else {
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
        guard let first = language.differences.first else { return nil }
        return
            "sends template `\(key)`, whose text differs from the approved one (\(first.words)); submit it with `reconcile`, or "
            + "correct its spec"
    }

    /// Decides on a run that was stopped for its template, as on a launch.
    ///
    /// - Parameter waits: True if it has waited for the approval since its launch, and not only since WhatsApp stopped the template.
    /// - Returns: The reason why it stays stopped, as the end of a sentence; `nil` if it goes on.
    func problem(ofRunThatWaits waits: Bool) -> String? { waits || mode == .strict ? problem : nil }

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
        let codes = languages.map(\.code).joined(separator: ", ")
        return [
            "account `\(account)` was read at WhatsApp last at \(sweptAt.formatted(.iso8601)); template `\(name) (\(codes))` was "
                + "approved then"
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
