public import Foundation
public import Postgres
public import Spec
import Spelling
public import Store

/// The facts that decide how long the campaigns of a plan take: the work of their senders, quiet hours and quota, as they
/// will be.
struct Situations: Sendable {
    fileprivate struct Key: Hashable {
        let tenant: String
        let sender: String
    }

    private let now: Date
    private let senders: [Key: SenderSituation]
    private let charged: [String: [Date: Int]]
    /// By tenant; of the specs, which the plan is about to store.
    private let hours: [String: SendingHours]
    /// By tenant, if messages wait for the end of quiet hours on the clocks of their contacts.
    private let contactHours: [String: TenantSpec.QuietHours]

    init(
        of campaigns: [ResolvedCampaign],
        tenants specs: [Located<any SpecContent>],
        now: Date,
        on connection: PostgresConnection
    ) async throws {
        self.now = now
        let keys = Set(campaigns.map(Key.init))
        let known = try await SenderSituation.read(
            named: keys.map { (tenant: $0.tenant, sender: $0.sender) },
            on: connection
        )
        senders = Dictionary(known.values.map { (Key(tenant: $0.tenantID, sender: $0.name), $0) }) { first, _ in first }
        let groups = Set(campaigns.map(\.quotaGroup))
        charged = try await SenderSituation.charges(of: groups.sorted(), on: connection)
        var hours: [String: SendingHours] = [:]
        var contactHours: [String: TenantSpec.QuietHours] = [:]
        for spec in specs {
            guard let tenant = spec.value as? TenantSpec else { continue }
            hours[spec.identity.tenant] = SendingHours(quietHours: tenant.quietHours, timeZone: tenant.timeZone)
            if let quiet = tenant.quietHours, quiet.waitsForContact { contactHours[spec.identity.tenant] = quiet }
        }
        (self.hours, self.contactHours) = (hours, contactHours)
    }

    /// Returns the limit of the campaign's sender in 24 hours: its own, or WhatsApp's if that is lower.
    func limit(of campaign: ResolvedCampaign) -> Int? {
        [campaign.sender.dailyLimit, senders[Key(campaign)]?.messagingLimit].compactMap { $0 }.min()
    }

    /// Returns true if messages of a campaign wait for the end of quiet hours on the clocks of their contacts.
    func waitsForContacts(_ campaign: ResolvedCampaign) -> Bool {
        campaign.audienceFilter != nil && contactHours[campaign.identity.tenant] != nil
    }

    /// Returns the time from a launch now to the last message of a campaign, in seconds.
    ///
    /// - Parameters:
    ///   - campaign: The campaign.
    ///   - size: Its recipients.
    ///   - zones: Their zones, if quiet hours follow the clocks of contacts.
    /// - Returns: The time.
    func seconds(of campaign: ResolvedCampaign, _ size: AudienceSize, in zones: AudienceZones? = nil) -> Double {
        let alone = Double(size.total) / GrantedPace.messagesPerSecond(ratePerSecond: campaign.sender.ratePerSecond)
        let tenant = campaign.identity.tenant
        let own = zones?.contacts.compactMap { zone, contacts in
            end(
                of: campaign,
                AudienceSize(total: contacts, inWindow: 0),
                SendingHours(contactHours[tenant], ofContactsIn: zone)
            )
        }
        let all = end(of: campaign, size, hours[tenant])
        let last = ((own ?? []) + [all].compactMap(\.self)).max()
        return last?.timeIntervalSince(now) ?? alone
    }

    private func end(of campaign: ResolvedCampaign, _ size: AudienceSize, _ hours: SendingHours?) -> Date? {
        let situation = senders[Key(campaign)]
        let run = UUID()
        return DeliveryEstimate(
            from: now,
            ratePerSecond: campaign.sender.ratePerSecond,
            shares: (situation?.shares ?? []) + [LaneWork.Share(planned: size, run: run)],
            hours: hours,
            quota: limit(of: campaign).map {
                DeliveryEstimate.Quota(limit: $0, charged: charged[campaign.quotaGroup] ?? [:])
            },
            pausedUntil: situation?.pausedUntil
        )
        .completion(of: run)
    }
}

extension Situations.Key {
    fileprivate init(_ campaign: ResolvedCampaign) {
        self.init(tenant: campaign.identity.tenant, sender: campaign.sender.name)
    }
}

/// The time that launches take, as plans say it.
public enum LaunchDuration {
    /// Says the time: `17 s at 80/s`, or `5 h 18 min until all are sent (17 s of sending at 80/s)` if much of it is waiting.
    public static func words(_ seconds: Double, recipients: Int, ratePerSecond: Int) -> String {
        let sending = Double(recipients) / GrantedPace.messagesPerSecond(ratePerSecond: ratePerSecond)
        guard seconds > sending + 60 else { return "\(NumberText.duration(seconds: seconds)) at \(ratePerSecond)/s" }
        return "\(NumberText.duration(seconds: seconds)) until all are sent "
            + "(\(NumberText.duration(seconds: sending)) of sending at \(ratePerSecond)/s)"
    }

    /// Estimates the time from a launch now to the last message of a campaign.
    ///
    /// - Parameters:
    ///   - campaign: The campaign, as its spec has it.
    ///   - size: The recipients that it reaches.
    ///   - zones: Their zones, if quiet hours follow the clocks of contacts.
    ///   - catalog: The specs, with the quiet hours of the tenant.
    ///   - now: The begin.
    ///   - pool: The database, with what stands before the campaign.
    /// - Returns: The time in seconds.
    /// - Throws: `PostgresError`.
    public static func seconds(
        of campaign: ResolvedCampaign,
        reaching size: AudienceSize,
        zones: AudienceZones? = nil,
        in catalog: SpecCatalog,
        now: Date,
        pool: PostgresPool
    ) async throws -> Double {
        try await pool.withConnection { connection in
            try await Situations(of: [campaign], tenants: catalog.specs, now: now, on: connection)
                .seconds(of: campaign, size, in: zones)
        }
    }
}
