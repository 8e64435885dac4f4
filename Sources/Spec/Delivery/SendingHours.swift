public import Calendar
public import Foundation

/// The hours in which messages may go out: all but the quiet hours of their tenant, by the clock of one zone.
///
/// Only quiet hours in which messages wait count; those in which messages are skipped delay nothing.
public struct SendingHours: Hashable, Sendable {
    private static let day: Int64 = 86_400
    /// The most stretches between quiet hours that an estimate looks at: some ten years.
    private static let mostStretches = 4_000

    private let zone: IANAZone
    /// Seconds since midnight.
    private let from: Int64
    private let to: Int64

    /// Takes the rules of a tenant for all its messages.
    ///
    /// - Returns: `nil` if quiet hours never stop all messages: none waits, or each contact has its own clock.
    public init?(quietHours: TenantSpec.QuietHours?, timeZone: String?) {
        guard let quietHours, quietHours.action == .wait, quietHours.clock != .contact,
            let zone = timeZone.flatMap(IANAZone.init(_:))
        else { return nil }
        self.init(quietHours, in: zone)
    }

    /// Takes the rules of a tenant for contacts of one zone.
    ///
    /// - Returns: `nil` unless quiet hours follow the clock of each contact, and messages wait for their end.
    public init?(_ quietHours: TenantSpec.QuietHours?, ofContactsIn zone: IANAZone) {
        guard let quietHours, quietHours.waitsForContact else { return nil }
        self.init(quietHours, in: zone)
    }

    private init(_ quietHours: TenantSpec.QuietHours, in zone: IANAZone) {
        self.zone = zone
        from = Int64(quietHours.from.minutes) * 60
        to = Int64(quietHours.to.minutes) * 60
    }

    /// Returns the quiet hours that contain an instant; `nil` outside of them.
    public func quiet(at date: Date) -> (since: Date, until: Date)? {
        let (midnight, time) = local(date)
        let (start, end): (Int64, Int64)
        if from <= to {
            guard time >= from, time < to else { return nil }
            (start, end) = (midnight + from, midnight + to)
        } else if time >= from {
            (start, end) = (midnight + from, midnight + Self.day + to)
        } else if time < to {
            (start, end) = (midnight - Self.day + from, midnight + to)
        } else {
            return nil
        }
        return (instant(start), instant(end))
    }

    /// Returns the instant at which work ends that begins at `start` and rests during quiet hours.
    ///
    /// - Parameters:
    ///   - seconds: The work.
    ///   - start: The first instant.
    /// - Returns: The end; `nil` if it is years away.
    public func end(of seconds: Double, from start: Date) -> Date? {
        var (now, rest) = (start, seconds)
        for _ in 0..<Self.mostStretches {
            if let quiet = quiet(at: now) {
                // In the night in which the clocks go back, the local end may come twice.
                now = max(quiet.until, now.addingTimeInterval(1))
                continue
            }
            let next = max(nextQuiet(after: now), now.addingTimeInterval(1))
            let open = next.timeIntervalSince(now)
            if rest <= open { return now.addingTimeInterval(rest) }
            (now, rest) = (next, rest - open)
        }
        return nil
    }

    /// Returns the next begin of quiet hours, from an instant outside of them.
    private func nextQuiet(after date: Date) -> Date {
        let (midnight, time) = local(date)
        return instant(midnight + (time < from ? 0 : Self.day) + from)
    }

    /// Returns the local midnight before an instant, and the seconds since then.
    private func local(_ date: Date) -> (midnight: Int64, time: Int64) {
        let seconds = LocalDateTime(date, in: zone).seconds
        let time = ((seconds % Self.day) + Self.day) % Self.day
        return (seconds - time, time)
    }

    private func instant(_ local: Int64) -> Date {
        LocalDateTime(seconds: local).instant(in: zone)
    }
}

extension TenantSpec.QuietHours {
    /// True if messages wait for the end of quiet hours on the clock of their contact.
    public var waitsForContact: Bool { clock == .contact && action == .wait }

    /// Reads the form that rows store: `{"from": "21:00", "to": "08:00", "action": "wait", "clock": "contact"}`.
    public init?(from: String, to: String, action: String?, clock: String? = nil) {
        guard let from = TimeOfDay(from), let to = TimeOfDay(to), from != to else { return nil }
        self.init(
            from: from,
            to: to,
            action: action.flatMap(Action.init(rawValue:)) ?? .wait,
            clock: clock.flatMap(Clock.init(rawValue:))
        )
    }
}
