/// Where the 24 h quota of a sender stands.
public struct QuotaStatus: Hashable, Sendable {
    /// Business-initiated messages of the sender's quota group in the last 24 hours.
    public let businessSent24h: Int
    /// How many are allowed; `nil` for no limit.
    public let tierLimit: Int?
    /// Whether runs go on by themselves when quota returns.
    public let resumesByItself: Bool

    public init(businessSent24h: Int, tierLimit: Int?, resumesByItself: Bool = false) {
        self.businessSent24h = businessSent24h
        self.tierLimit = tierLimit
        self.resumesByItself = resumesByItself
    }

    /// What is left; `nil` for no limit.
    public var remaining: Int? { tierLimit.map { max(0, $0 - businessSent24h) } }

    /// 1 to 4 by the limit: 1,000, 10,000, 100,000, or none; `nil` for any other limit.
    public var tier: Int? {
        switch tierLimit {
        case 1_000: 1
        case 10_000: 2
        case 100_000: 3
        case nil: 4
        default: nil
        }
    }
}

/// Whether an audience fits into the quota, asked before a launch.
public struct QuotaCheck: Hashable, Sendable {
    public let audience: AudienceSize
    public let quotaStatus: QuotaStatus

    public init(audience: AudienceSize, quotaStatus: QuotaStatus) {
        self.audience = audience
        self.quotaStatus = quotaStatus
    }

    /// False when not one message could go out before somebody resumes the campaign.
    public var canProceed: Bool {
        audience.inWindow > 0 || audience.outOfWindow == 0 || quotaStatus.remaining != 0 || quotaStatus.resumesByItself
    }

    /// What will stop the launch, or stop it on its way; `nil` when nothing does.
    public var warning: String? {
        guard let remaining = quotaStatus.remaining, audience.outOfWindow > remaining else { return nil }
        let ending = quotaStatus.resumesByItself ? "wait until it returns" : "wait until somebody resumes the campaign"
        return "\(audience.outOfWindow) recipients outside of their window, and \(remaining) left of the 24 h quota: "
            + "\(audience.outOfWindow - remaining) \(ending)"
    }
}
