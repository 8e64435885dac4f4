import Foundation
public import Postgres

/// The news for tenants of the templates that they have submitted.
///
/// A wish is told of once: when WhatsApp has approved its template or refuses to send it, or when the wish has failed. Both
/// the state of the wish and that of the template are in Postgres, so it does not matter which of them is known first, or
/// whether a webhook or a reading brought it. What WhatsApp stops later is told by a trigger on `whatsapp_templates`.
extension SubmissionRepository {
    /// The days after which a review that has not ended is told of no more, because wishes are forgotten.
    private static let longestReview = 30

    /// Tells the tenants that ask for it what became of their wishes, in the transaction that marks these as told.
    ///
    /// - Parameter limit: The most wishes; further ones wait for the next call.
    /// - Throws: `PostgresError`; nothing is told then.
    public func tellNews(limit: Int = 200) async throws(PostgresError) {
        // A status counts if it began after the request (by clocks that differ a little), or if a reading after the answer
        // found it; a reading that began within a minute of a webhook leaves the status of the webhook.
        let isCurrent: PostgresQuery = """
            (w."statusAt" >= s."sentAt" - interval '5 seconds' OR (
                w."readAt" > s."settledAt" AND coalesce(w."toldAt" < w."readAt" - interval '60 seconds', true)
            ))
            """
        let isReplaced: PostgresQuery = """
            EXISTS (
                SELECT FROM template_submissions o
                WHERE o."accountId" = s."accountId" AND o."wabaId" = s."wabaId" AND o.name = s.name AND o.language IS NOT DISTINCT FROM s.language
                    AND o.status = \(submission: .done) AND o.id <> s.id AND o."settledAt" > s."settledAt"
            )
            """
        let verdict: PostgresQuery = """
            CASE
                WHEN s.status = \(submission: .failed) THEN 'submissionFailed'
                WHEN s.action = \(SubmissionWish.Action.delete.rawValue) OR s."sentAt" IS NULL
                    OR s."settledAt" < now() - \(Double(Self.longestReview)) * interval '1 day'
                    OR \(fragment: isReplaced) THEN 'nothing'
                WHEN \(fragment: isCurrent) IS NOT TRUE THEN NULL
                WHEN w.status = ANY(\(Array(TemplateState.approved))::text[]) THEN 'templateApproved'
                WHEN w.status = ANY(\(Array(TemplateState.stopped))::text[]) THEN 'template'
            END
            """
        try await pool.execute(
            """
            WITH settled AS (
                SELECT s.id, w.status, w.reason, w.advice, \(fragment: verdict) AS verdict
                FROM template_submissions s
                LEFT JOIN whatsapp_templates w ON w."businessAccountId" = s."wabaId" AND w.name = s.name
                    AND w.language = s.language AND w."goneAt" IS NULL
                WHERE s."toldAt" IS NULL AND s.status IN (\(submission: .done), \(submission: .failed))
                ORDER BY s.id FOR UPDATE OF s SKIP LOCKED
            ), told AS (
                UPDATE template_submissions s SET "toldAt" = now()
                FROM (SELECT * FROM settled WHERE verdict IS NOT NULL LIMIT \(limit)) f
                WHERE s.id = f.id
                RETURNING s."tenantId", s.name, s.language, s.action, s.error, f.status, f.reason, f.advice, f.verdict
            )
            SELECT notify_tenant(
                t."tenantId"::text, ARRAY['template'], NULL, NULL, t.verdict,
                CASE t.verdict
                    WHEN 'submissionFailed' THEN 'WhatsApp did not take template `' || t.name || '`'
                        || coalesce(' (' || t.language || ')', '') || ' (' || t.action || ')' || coalesce(': ' || t.error, '')
                    WHEN 'templateApproved' THEN 'WhatsApp has approved template `' || t.name || '` (' || t.language || ')'
                    ELSE 'WhatsApp says of template `' || t.name || '` (' || t.language || '): ' || t.status
                        || coalesce(', ' || nullif(t.reason, 'NONE'), '') || coalesce('; ' || t.advice, '')
                END,
                \(RunActor.template.description)::text
            ) FROM told t WHERE t.verdict <> 'nothing'
            """
        )
    }
}
