public import Foundation

/// The estimated end of a run, from what is known now: a pure function that plans, launches, reports and the API share.
///
/// It counts what stands before the run on its sender, the pace that the lane grants, quiet hours, a pause that WhatsApp
/// asked for, and the 24 h quota. It knows nothing of failures and of events to come.
public struct DeliveryEstimate: Sendable {
    /// The 24 h quota of a sender.
    public struct Quota: Hashable, Sendable {
        /// Hours from the begin of an hour after which its charges no longer count: they count until its end is 24 hours
        /// old.
        public static let hours = 25.0

        /// Allowed business-initiated messages in 24 hours.
        public let limit: Int
        /// Charged messages, by the begin of the hour.
        public let charged: [Date: Int]

        public init(limit: Int, charged: [Date: Int] = [:]) {
            self.limit = limit
            self.charged = charged
        }

        /// Returns the rest of the quota at an instant.
        func left(at date: Date) -> Int {
            let counting = charged.filter { returns($0.key) > date }.values.reduce(0, +)
            return max(0, limit - counting)
        }

        /// Returns the charges that return after an instant, in order.
        func refills(after date: Date) -> [(at: Date, count: Int)] {
            charged.map { (at: returns($0.key), count: $0.value) }.filter { $0.at > date }.sorted { $0.at < $1.at }
        }

        private func returns(_ hour: Date) -> Date { hour.addingTimeInterval(Self.hours * 3_600) }
    }

    private let ratePerSecond: Int
    private let work: LaneWork
    private let hours: SendingHours?
    private let quota: Quota?
    private let start: Date

    /// Takes the facts.
    ///
    /// - Parameters:
    ///   - start: From when on messages can be sent.
    ///   - ratePerSecond: The sender's rate.
    ///   - shares: What its runs have to send, oldest first.
    ///   - hours: The hours of the tenant; `nil` without quiet hours.
    ///   - quota: The quota; `nil` for none.
    ///   - pausedUntil: The end of a pause that WhatsApp asked for.
    public init(
        from start: Date,
        ratePerSecond: Int,
        shares: [LaneWork.Share],
        hours: SendingHours? = nil,
        quota: Quota? = nil,
        pausedUntil: Date? = nil
    ) {
        self.start = max(start, pausedUntil ?? start)
        self.ratePerSecond = ratePerSecond
        work = LaneWork(shares, ratePerSecond: ratePerSecond)
        (self.hours, self.quota) = (hours, quota)
    }

    /// Estimates when the last message of a run is sent.
    ///
    /// Quota counts as used when it returns, also if a person must resume the run then.
    ///
    /// - Returns: `nil` if it takes years.
    public func completion(of run: UUID) -> Date? {
        let place = work.place(of: run)
        guard let end = end(of: place.untilDone, from: start) else { return nil }
        guard let quota, place.outside > Double(quota.left(at: start)) else { return end }
        let last = lastRefill(quota, missing: place.outside - Double(quota.left(at: start)))
        return self.end(of: last.messages, from: last.at).map { max(end, $0) }
    }

    /// Estimates when the first message of a run is sent.
    public func turn(of run: UUID) -> Date? {
        end(of: work.place(of: run).ahead, from: start)
    }

    private func end(of messages: Double, from date: Date) -> Date? {
        let seconds = messages / GrantedPace.messagesPerSecond(ratePerSecond: ratePerSecond)
        guard let hours else { return date.addingTimeInterval(seconds) }
        return hours.end(of: seconds, from: date)
    }

    /// Returns the instant at which enough quota has returned, and the messages that waited for the last part of it.
    private func lastRefill(_ quota: Quota, missing: Double) -> (at: Date, messages: Double) {
        var missing = missing
        var at = start
        for refill in quota.refills(after: start) {
            at = refill.at
            let count = Double(refill.count)
            if missing <= count { return (at, missing) }
            missing -= count
        }
        // Messages that are sent from now on count for a day: one limit goes out each day.
        let limit = Double(max(1, quota.limit))
        let days = (missing / limit).rounded(.up)
        return (
            at: max(at, start).addingTimeInterval(days * Quota.hours * 3_600), messages: missing - (days - 1) * limit
        )
    }
}
