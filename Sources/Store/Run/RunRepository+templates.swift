import Foundation
import Postgres

extension RunRepository {
    /// Resumes the runs that are paused because WhatsApp had paused their template, which it has approved now.
    ///
    /// Runs that a person has paused, or another guard, stay paused.
    ///
    /// - Parameters:
    ///   - name: The name of the template at WhatsApp.
    ///   - language: Its language, in either spelling.
    ///   - account: The WhatsApp Business Account.
    ///   - time: The time of the approval.
    /// - Returns: The runs resumed, and those that stay paused with the reason why they cannot go on.
    /// - Throws: `PostgresError`; harmless to repeat.
    func resumeHeld(
        byTemplate name: String,
        language: String,
        account: String,
        approvedAt time: Date
    ) async throws -> (resumed: [UUID], refused: [UUID: String]) {
        let condition: PostgresQuery = """
            r."templateHeldAt" IS NOT NULL AND date_trunc('second', r."templateHeldAt") <= \(time)::timestamptz
            """
        let sent = TemplateState.isSent(
            by: "(v.content -> 'message')",
            in: "\(TemplateState.language(language))::text"
        )
        let rows = try await pool.query(
            """
            SELECT r.id FROM campaign_runs r
            JOIN senders s ON \(key: "s.id", of: #"r."senderId""#)
            JOIN campaign_revisions v ON \(key: "v.id", of: #"r."revisionId""#)
            WHERE r.status = \(run: .paused) AND \(fragment: condition) AND s."businessAccountId" = \(account)
                AND v.content #>> '{message,template,name}' = \(name)
                AND \(fragment: sent)
                AND NOT EXISTS (
                    SELECT FROM whatsapp_templates w
                    WHERE w."businessAccountId" = \(account) AND w.name = \(name)
                        AND w.language = \(TemplateState.language(language)) AND w."statusAt" > \(time)::timestamptz
                        AND w.status = ANY(\(Array(TemplateState.stopped))::text[])
                )
            ORDER BY r.id
            """
        )
        var (resumed, refused): ([UUID], [UUID: String]) = ([], [:])
        for row in rows {
            let run = try row.decode(0, as: UUID.self)
            let reason = "WhatsApp has approved template `\(name)` (\(language)) again"
            do {
                if try await resume(run, if: condition, reason: reason, by: .template) { resumed.append(run) }
            } catch let error as LaunchError {
                refused[run] = error.description
            }
        }
        return (resumed, refused)
    }
}
