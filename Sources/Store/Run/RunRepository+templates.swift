import Foundation
import JSON
import Postgres

extension RunRepository {
    /// The `templateHeldAt` of a run that waits since its launch: all that is known of its template decides, and not only what was
    /// told since.
    static let heldSinceLaunch: PostgresQuery = "'-infinity'::timestamptz"

    /// The WhatsApp Business Account of `senders AS s`: that of its spec, also if the account does not list its number; without a
    /// spec the one that webhooks told.
    static let account: PostgresQuery = """
        coalesce((SELECT o."wabaId" FROM accounts o WHERE o.id = s."accountId"), s."businessAccountId")
        """

    /// The condition that WhatsApp has approved the template of `campaign_runs AS r` since it was held, in a language that it sends,
    /// and has stopped it in none.
    ///
    /// A page of templates that was read within a minute of the hold may be older than it.
    private static let isApproved: PostgresQuery = """
        r."templateHeldAt" IS NOT NULL AND EXISTS (
            SELECT 1 FROM senders s
            JOIN campaign_revisions v ON \(key: "v.id", of: #"r."revisionId""#)
            JOIN whatsapp_templates w ON w."businessAccountId" = \(fragment: account)
                AND w.name = v.content #>> '{message,template,name}'
                AND \(fragment: TemplateState.isSent(by: "(v.content -> 'message')", in: "w.language"))
            WHERE \(key: "s.id", of: #"r."senderId""#) AND w."goneAt" IS NULL
            HAVING NOT bool_or(coalesce(w.status = ANY(\(Array(TemplateState.stopped))::text[]), false))
                AND bool_or(
                    w.status = ANY(\(Array(TemplateState.approved))::text[])
                    AND greatest(w."statusAt", w."readAt" - interval '60 seconds') >= date_trunc('second', r."templateHeldAt")
                )
        )
        """

    /// Resumes the runs that wait for their template and whose launch would be allowed now.
    ///
    /// What releases a run is the decision on a launch: each language that it sends is approved, and has the text of the spec if the
    /// run waits since its launch or its tenant checks templates strictly. Runs that a person has paused, or another guard, stay
    /// paused.
    ///
    /// - Parameters:
    ///   - names: The names of templates at WhatsApp.
    ///   - account: The WhatsApp Business Account.
    /// - Returns: The runs resumed, and those that stay paused with the reason why they cannot go on.
    /// - Throws: `PostgresError`; harmless to repeat.
    func resumeHeld(
        byTemplates names: Set<String>,
        account: String
    ) async throws -> (resumed: [UUID], refused: [UUID: String]) {
        guard !names.isEmpty else { return ([], [:]) }
        return try await resumeHeld(
            where: """
                \(fragment: Self.account) = \(account)
                    AND v.content #>> '{message,template,name}' = ANY(\(names.sorted())::text[])
                """
        )
    }

    /// Resumes a run that was just paused to wait for its template, if WhatsApp approved it while its messages were written.
    ///
    /// What WhatsApp reports afterwards finds the run paused.
    ///
    /// - Throws: `PostgresError`; harmless to repeat.
    func resumeHeld(_ run: UUID) async throws { _ = try await resumeHeld(where: "r.id = \(run)") }

    private func resumeHeld(
        where condition: PostgresQuery
    ) async throws -> (resumed: [UUID], refused: [UUID: String]) {
        let rows = try await pool.query(
            """
            SELECT r.id, r."campaignId", r."senderId", r."tenantId", v.content -> 'message' AS message,
                v.content #>> '{message,template,name}' AS template,
                r."templateHeldAt" = \(fragment: Self.heldSinceLaunch) AS waits
            FROM campaign_runs r
            JOIN senders s ON \(key: "s.id", of: #"r."senderId""#)
            JOIN campaign_revisions v ON \(key: "v.id", of: #"r."revisionId""#)
            WHERE r.status = \(run: .paused) AND \(fragment: Self.isApproved) AND \(fragment: condition)
            ORDER BY r.id
            """
        )
        var (resumed, refused): ([UUID], [UUID: String]) = ([], [:])
        for row in rows {
            let run = try row.decode("id", as: UUID.self)
            guard let message = try row.json("message") else { continue }
            let waits = try row.decode("waits", as: Bool.self)
            let problem = try await pool.withConnection { connection in
                try await LaunchTemplate.read(
                    message,
                    campaign: row.decode("campaignId"),
                    sender: row.decode("senderId"),
                    tenant: row.decode("tenantId"),
                    on: connection
                )?
                .problem(ofRunThatWaits: waits)
            }
            if let problem {
                try await tell("waits for WhatsApp: the campaign \(problem)", of: run)
                continue
            }
            let reason = try "WhatsApp has approved template `\(row.decode("template", as: String.self))`"
            do {
                if try await resume(run, if: Self.isApproved, reason: reason, by: .template) { resumed.append(run) }
            } catch let error as LaunchError {
                refused[run] = error.description
            }
        }
        return (resumed, refused)
    }

    /// Writes what a held run waits for now, which may be another cause than that of its pause.
    private func tell(_ reason: String, of run: UUID) async throws {
        try await pool.transaction { connection in
            try await connection.execute(
                """
                UPDATE campaign_runs r SET "statusReason" = \(reason)
                WHERE r.id = \(run) AND r.status = \(run: .paused) AND r."templateHeldAt" IS NOT NULL
                    AND r."statusReason" IS DISTINCT FROM \(reason)
                """
            )
            try await connection.execute(
                """
                UPDATE campaigns c SET "statusReason" = r."statusReason" FROM campaign_runs r
                WHERE r.id = \(run) AND r.status = \(run: .paused) AND r."templateHeldAt" IS NOT NULL
                    AND \(key: "c.id", of: #"r."campaignId""#) AND c.status = \(campaign: .paused)
                    AND c."statusReason" IS DISTINCT FROM r."statusReason"
                """
            )
        }
    }
}
