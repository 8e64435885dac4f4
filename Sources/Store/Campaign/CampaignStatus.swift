public import Postgres

/// Where a campaign stands; the values of `campaign_status_enum`.
public enum CampaignStatus: String, PostgresScalar, CaseIterable, Sendable {
    case draft, scheduled, running, paused, completed, failed, cancelled
}
