import Spelling

/// The 24 h quota of a sender, and how much of it is used.
public struct QuotaStatus: Hashable, Sendable {
    /// Business-initiated messages of the sender's quota group in the last 24 hours.
    public let businessSent24h: Int
    /// Allowed messages in 24 hours; `nil` for no limit.
    public let tierLimit: Int?
    /// True if runs resume by themselves when quota returns.
    public let resumesByItself: Bool

    public init(businessSent24h: Int, tierLimit: Int?, resumesByItself: Bool = false) {
        self.businessSent24h = businessSent24h
        self.tierLimit = tierLimit
        self.resumesByItself = resumesByItself
    }

    /// The rest of the quota; `nil` for no limit.
    public var remaining: Int? { tierLimit.map { max(0, $0 - businessSent24h) } }

    /// The tier, 1 to 4, by the limit: 1,000, 10,000, 100,000, or none; `nil` for any other limit.
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

/// An audience compared with the quota, before a launch.
public struct QuotaCheck: Hashable, Sendable {
    public let audience: AudienceSize
    public let quotaStatus: QuotaStatus

    public init(audience: AudienceSize, quotaStatus: QuotaStatus) {
        self.audience = audience
        self.quotaStatus = quotaStatus
    }

    /// False if no message could be sent before a person resumes the campaign.
    public var canProceed: Bool {
        audience.inWindow > 0 || audience.outOfWindow == 0 || quotaStatus.remaining != 0 || quotaStatus.resumesByItself
    }

    /// The reason why the launch cannot start, or will be paused before its end; `nil` if the quota suffices.
    public var warning: String? {
        guard let remaining = quotaStatus.remaining, audience.outOfWindow > remaining else { return nil }
        let ending = quotaStatus.resumesByItself ? "wait until it returns" : "wait until a person resumes the campaign"
        let rest = (audience.outOfWindow - remaining).grouped
        return
            "\(audience.outOfWindow.grouped) recipients outside of their window, and \(remaining.grouped) left of the "
            + "24 h quota: \(rest) \(ending)"
    }
}
