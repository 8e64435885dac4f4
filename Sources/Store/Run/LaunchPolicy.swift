import Foundation
import JSON
import Postgres
import Spec

/// The limits for one launch: the policy of the tenant, and what reviewers allowed beyond it.
struct LaunchPolicy: Sendable {
    /// A rule that a launch breaks.
    struct Breach: Hashable, Sendable {
        let rule: TenantPolicy.Rule
        /// The value and the limit, as the end of a sentence about the campaign.
        let problem: String
    }

    let maxRecipients: Int?
    let maxCost: Money?
    /// True if reviewers allowed the campaign the whole limit of costs or more, and so also recipients without a price.
    let allowsUnknownCosts: Bool
    let maxCampaigns: Int?
    let allowedCategories: [String]?
    let minScheduleInterval: SpecDuration?

    /// Makes the limits of a stored policy.
    ///
    /// - Parameters:
    ///   - policy: The policy of the tenant.
    ///   - tenant: The limits that reviewers allowed the tenant.
    ///   - campaign: The limits that reviewers allowed the campaign.
    init(policy: JSONValue, allowing tenant: PolicyGrants, and campaign: PolicyGrants) {
        func count(_ rule: TenantPolicy.Rule, _ grants: PolicyGrants) -> Int? {
            guard let limit = policy[rule.rawValue]?.integerValue else { return nil }
            guard case .count(let allowed)? = grants.limits[rule] else { return limit }
            return max(limit, allowed)
        }
        maxRecipients = count(.maxRecipients, campaign)
        let cost = policy["maxCost"]?.stringValue.flatMap { Money($0) }
        if case .cost(let allowed)? = campaign.limits[.maxCost], let cost, allowed.currency == cost.currency {
            maxCost = Money(currency: cost.currency, micros: max(cost.micros, allowed.micros))
            allowsUnknownCosts = allowed.micros >= cost.micros
        } else {
            maxCost = cost
            allowsUnknownCosts = false
        }
        maxCampaigns = count(.maxCampaigns, tenant)
        let granted = campaign.limits[.allowedCategories].map { [$0.description] } ?? []
        allowedCategories = policy["allowedCategories"]?.arrayValue.map { $0.compactMap(\.stringValue) + granted }
        let interval = policy["minScheduleInterval"]?.stringValue.flatMap { SpecDuration($0) }
        if case .interval(let allowed)? = campaign.limits[.minScheduleInterval] {
            minScheduleInterval = interval.map { min($0, allowed) }
        } else {
            minScheduleInterval = interval
        }
    }

    /// Returns the first rule that a launch breaks; `nil` if it breaks none.
    ///
    /// - Parameters:
    ///   - category: The category of the campaign's template; `nil` for a message without one.
    ///   - campaigns: The campaigns of the tenant, with this one.
    ///   - interval: The time since the last scheduled start; `nil` if there was none.
    /// - Returns: The rule with the problem.
    func breach(category: String?, campaigns: Int?, interval: SpecDuration?) -> Breach? {
        if let category, let allowedCategories, !allowedCategories.contains(category) {
            let allowed = allowedCategories.map { "`\($0)`" }.joined(separator: ", ")
            let problem =
                "sends a template of category `\(category)`, and the policy of its tenant allows only \(allowed)"
            return Breach(rule: .allowedCategories, problem: problem)
        }
        if let interval, let minScheduleInterval, interval < minScheduleInterval {
            let problem =
                "would start again after \(interval), and the policy of its tenant wants \(minScheduleInterval) between "
                + "two starts"
            return Breach(rule: .minScheduleInterval, problem: problem)
        }
        if let campaigns, let maxCampaigns, campaigns > maxCampaigns {
            let problem = "would be one of \(campaigns) campaigns, and the policy of its tenant allows \(maxCampaigns)"
            return Breach(rule: .maxCampaigns, problem: problem)
        }
        return nil
    }
}

extension LaunchPolicy {
    /// Reads the limits for a campaign; `nil` if its tenant has no policy.
    static func read(
        campaign: UUID,
        tenant: String,
        on connection: PostgresConnection
    ) async throws -> LaunchPolicy? {
        let rows = try await connection.query(
            """
            SELECT t.policy, t."allowedPolicy" AS "tenantAllowed", c."allowedPolicy" AS "campaignAllowed"
            FROM tenants t
            LEFT JOIN (SELECT * FROM campaigns WHERE id = \(campaign) OFFSET 0) c ON c."tenantId" = t."tenantId"
            WHERE t."tenantId" = \(tenant) AND t.policy IS NOT NULL AND t."archivedAt" IS NULL LIMIT 1
            """
        )
        guard let row = rows.first, let policy = try row.json("policy") else { return nil }
        return LaunchPolicy(
            policy: policy,
            allowing: PolicyGrants(try row.json("tenantAllowed")),
            and: PolicyGrants(try row.json("campaignAllowed"))
        )
    }

    /// Returns the reason why a launch costs too much, or why that is not known; `nil` if it does not.
    func costProblem(_ cost: CostEstimate?) -> String? {
        guard let maxCost else { return nil }
        guard let cost, cost.currency == maxCost.currency else {
            return
                "has no estimate of its cost, and the policy of its tenant allows \(maxCost.words): there are no prices in "
                + "\(maxCost.currency) for that day; put them beside the specs and reconcile"
        }
        if cost.high > maxCost.micros {
            return "may cost \(cost.most.words(beside: maxCost)), and the policy of its tenant allows "
                + maxCost.words(beside: cost.most)
        }
        guard !allowsUnknownCosts, let unknown = cost.unknownCosts else { return nil }
        return "\(unknown), and reconcile; the policy of its tenant allows \(maxCost.words)"
    }

    /// Checks a launch within its transaction, which holds the row of the campaign.
    ///
    /// - Parameters:
    ///   - candidate: The campaign.
    ///   - content: What it sends.
    ///   - size: The recipients.
    ///   - cost: The estimate; the outer `nil` is for runs that no policy on costs limits.
    ///   - scheduledFor: The time of a schedule.
    ///   - connection: The connection of the transaction.
    /// - Returns: The most recipients that the run may have; `nil` for no limit.
    /// - Throws: ``LaunchError`` if the launch breaks the policy.
    static func check(
        _ candidate: LaunchCandidate,
        _ content: RevisionContent,
        size: AudienceSize,
        cost: CostEstimate??,
        scheduledFor: Date?,
        on connection: PostgresConnection
    ) async throws -> Int? {
        let policy = try await read(campaign: candidate.id, tenant: candidate.tenantID, on: connection)
        guard let policy else { return nil }
        if let most = policy.maxRecipients, size.total > most {
            throw LaunchError.tooManyRecipients(campaign: candidate.name, recipients: size.total, allowed: most)
        }
        if let cost, let problem = policy.costProblem(cost) {
            throw LaunchError.policy(campaign: candidate.name, problem: problem)
        }
        let facts = Facts(candidate: candidate, connection: connection)
        let breach = policy.breach(
            category: policy.allowedCategories == nil ? nil : try await candidate.category(of: content, on: connection),
            campaigns: policy.maxCampaigns == nil ? nil : try await facts.campaigns(),
            interval: policy.minScheduleInterval == nil ? nil : try await facts.interval(before: scheduledFor)
        )
        if let breach { throw LaunchError.policy(campaign: candidate.name, problem: breach.problem) }
        return policy.maxRecipients
    }

    /// The facts that a launch is compared with; each is read only if the policy limits it.
    private struct Facts {
        let candidate: LaunchCandidate
        let connection: PostgresConnection

        /// Counts the tenant's campaigns of specs and the others that are under way, with this one.
        ///
        /// Launches of one tenant take turns here, so that two of them never count at the same time.
        func campaigns() async throws -> Int {
            try await connection.execute(
                "SELECT pg_advisory_xact_lock(\(fragment: SchemaScope.key("launches of " + candidate.tenantID)))"
            )
            let rows = try await connection.query(
                """
                SELECT count(*) FROM campaigns c
                WHERE c."tenantId" = \(candidate.tenantID) AND c."archivedAt" IS NULL
                    AND (c."managedBy" = 'spec' OR c.id = \(candidate.id) OR c.status IN \(anyOf: Self.active))
                """
            )
            return try rows[0].decode(0)
        }

        private static let active: [CampaignStatus] = [.scheduled, .running, .paused]

        /// Returns the time between the last scheduled start of the campaign and this one.
        func interval(before start: Date?) async throws -> SpecDuration? {
            guard let start else { return nil }
            let rows = try await connection.query(
                """
                SELECT max("scheduledFor") FROM campaign_runs
                WHERE "campaignId" = \(candidate.id) AND "scheduledFor" < \(start)
                """
            )
            let last = try rows.first?.decode(0, as: Date?.self)
            return last.map { SpecDuration(seconds: Int(start.timeIntervalSince($0).rounded())) }
        }
    }
}

extension LaunchRepository {
    /// Cancels a run whose audience grew beyond the policy while its messages were written; none of them was sent.
    ///
    /// The occurrence of a schedule counts as skipped, and the campaign waits for its next time.
    static func refuse(
        _ launch: LaunchProgress,
        recipients: Int,
        allowed: Int,
        on connection: PostgresConnection
    ) async throws {
        let reason = """
            the audience has grown beyond \(allowed) recipients while the messages were written (\(recipients) so far), \
            and the policy of the tenant allows no more
            """
        let because: PostgresQuery = "\"statusReason\" = \(reason)"
        try await connection.execute(
            RunStatus.moving(
                .cancel,
                set: [because, "\"completedAt\" = now()", "\"cancelCursor\" = 0"],
                where: "r.id = \(launch.runID)"
            )
        )
        try await RunAction.record(.cancel, on: launch.runID, by: .policy, reason: reason, connection)
        try await connection.execute(
            """
            UPDATE schedule_occurrences SET outcome = \(OccurrenceOutcome.skipped.rawValue), reason = \(reason)
            WHERE "runId" = \(launch.runID)
            """
        )
        let isOfCampaign: PostgresQuery = "c.id = \(launch.campaignID)"
        let again = try await connection.execute(
            CampaignStatus.moving(
                .complete,
                to: "\(campaign: .scheduled)",
                set: [because],
                where: "\(fragment: isOfCampaign) AND \(fragment: ScheduleRepository.firesAgain)"
            )
        )
        guard again == 0 else { return }
        try await connection.execute(CampaignStatus.moving(.cancel, set: [because], where: isOfCampaign))
    }
}
