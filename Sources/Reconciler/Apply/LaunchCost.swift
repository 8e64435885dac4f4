import Calendar
public import Foundation
public import Spec
public import Store

/// Estimates what launches cost, for plans and previews; pure functions.
public enum LaunchCost {
    /// Estimates the costs of a campaign's next launch by the prices beside the specs.
    ///
    /// - Parameters:
    ///   - campaign: The campaign.
    ///   - size: Its recipients, counted by the beginnings of their numbers.
    ///   - catalog: The specs.
    ///   - now: The present, for campaigns that no schedule starts.
    /// - Returns: The costs; `nil` if events start it, or there are no prices of the day.
    public static func estimate(
        of campaign: ResolvedCampaign,
        reaching size: AudienceSize,
        in catalog: SpecCatalog,
        now: Date
    ) -> CostEstimate? {
        let identity = campaign.identity
        let tenant = catalog.tenant(identity.tenant)?.value
        let schedules = catalog.all(ScheduleSpec.self)
            .filter { $0.identity.tenant == identity.tenant && $0.value.campaign == identity.name }
        let prices = (
            book: catalog.rates, zone: tenant?.zone, currency: catalog.rates?.currencies(of: catalog)[identity.tenant]
        )
        return estimate(of: campaign, reaching: size, by: prices, schedules: schedules.map(\.value), now: now)
    }

    /// Estimates the costs at the time at which the campaign is started next.
    static func estimate(
        of campaign: ResolvedCampaign,
        reaching size: AudienceSize,
        by prices: (book: RateBook?, zone: IANAZone?, currency: String?),
        schedules: [ScheduleSpec],
        now: Date
    ) -> CostEstimate? {
        guard campaign.isBroadcast, let book = prices.book, let beginnings = size.beginnings,
            let currency = prices.currency
        else { return nil }
        func cost(at date: Date) -> CostEstimate? {
            CostRules.estimate(
                beginnings,
                of: RateCategory(template: campaign.category, isFreeText: campaign.isFreeText),
                on: RateBook.day(of: date, in: prices.zone ?? .utc),
                in: currency,
                by: book
            )
        }
        guard let next = FireTimes.next(of: schedules, after: now) else { return cost(at: now) }
        // On the clocks of contacts the time comes on several days, and the prices may change between them.
        let span = next.isLocal ? CostEstimate.spanOfZones : 0
        let last = cost(at: next.time.addingTimeInterval(span))
        return cost(at: max(now, next.time.addingTimeInterval(-span)))?.spanning(last) ?? last
    }

    /// Estimates what each event costs that has a campaign send its message, by the prices of today.
    ///
    /// - Parameters:
    ///   - campaign: The campaign.
    ///   - contacts: The contacts whom events may name, counted by the beginnings of their numbers.
    ///   - catalog: The specs.
    ///   - now: The present.
    /// - Returns: The costs; `nil` if no event starts it, or there are no prices.
    public static func ofEvents(
        of campaign: ResolvedCampaign,
        naming contacts: AudienceSize,
        in catalog: SpecCatalog,
        now: Date
    ) -> EventCost? {
        let tenant = campaign.identity.tenant
        let currency = catalog.rates?.currencies(of: catalog)[tenant]
        let prices = (book: catalog.rates, zone: catalog.tenant(tenant)?.value.zone, currency: currency)
        return ofEvents(of: campaign, naming: contacts, by: prices, now: now)
    }

    static func ofEvents(
        of campaign: ResolvedCampaign,
        naming contacts: AudienceSize,
        by prices: (book: RateBook?, zone: IANAZone?, currency: String?),
        now: Date
    ) -> EventCost? {
        guard !campaign.isBroadcast, let book = prices.book, let beginnings = contacts.beginnings,
            let currency = prices.currency
        else { return nil }
        return EventCost(
            beginnings,
            of: RateCategory(template: campaign.category, isFreeText: campaign.isFreeText),
            on: RateBook.day(of: now, in: prices.zone ?? .utc),
            in: currency,
            by: book
        )
    }
}
