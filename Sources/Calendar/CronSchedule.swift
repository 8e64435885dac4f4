public import Foundation

/// A cron expression in a time zone, which gives instants.
public struct CronSchedule: Hashable, Sendable {
    /// The longest distance between two fire times, in days.
    ///
    /// There are 40 years between two leap days on the same weekday around a year such as 2100, and a few more may fall
    /// into gaps.
    private static let horizon = 100 * 366
    /// The instant up to which the changes of all zones are known.
    private static let end = Int64(CivilDate(year: ZoneFile.lastYear, month: 1, day: 1).days) * 86_400

    public let expression: CronExpression
    public let zone: IANAZone
    public let policy: DSTPolicy

    /// Makes a schedule.
    public init(_ expression: CronExpression, in zone: IANAZone, policy: DSTPolicy = DSTPolicy()) {
        (self.expression, self.zone, self.policy) = (expression, zone, policy)
    }

    private var firesAfterGap: Bool { (policy.gap ?? (expression.isFixedTime ? .next : .skip)) == .next }
    private var firesOnceInFold: Bool { (policy.fold ?? (expression.isFixedTime ? .first : .both)) == .first }

    /// Returns the first fire time after an instant; `nil` if none follows within 100 years, or before the year 2200.
    public func next(after date: Date) -> Date? {
        let after = Int64(date.timeIntervalSince1970.rounded(.down))
        let limit = min(Self.end, after + Int64(Self.horizon) * 86_400)
        var index = zone.index(at: after + 1)
        while index < zone.segments.count, zone.segments[index].start < limit {
            let segment = zone.segments[index]
            if segment.start > after, firesAtEndOfGap(before: index) { return Self.date(segment.start) }
            let first = max(segment.start == .min ? after + 1 : segment.start, after + 1) + segment.offset
            let lower = max(first, firesOnceInFold ? repeatedUntil(index) : .min)
            let upper = min(segment.end, limit) + segment.offset
            if let local = firstMatch(from: lower, before: upper) { return Self.date(local - segment.offset) }
            index += 1
        }
        return nil
    }

    /// Returns the last fire time before an instant; `nil` if none precedes it within 100 years.
    public func previous(before date: Date) -> Date? {
        let before = Int64(date.timeIntervalSince1970.rounded(.up))
        let limit = before - Int64(Self.horizon) * 86_400
        var index = zone.index(at: before - 1)
        while index >= 0, zone.segments[index].end > limit {
            let segment = zone.segments[index]
            let upper = min(segment.end, before) + segment.offset
            let first = max(segment.start, limit) + segment.offset
            let lower = max(first, firesOnceInFold ? repeatedUntil(index) : .min)
            if let local = lastMatch(from: lower, before: upper) { return Self.date(local - segment.offset) }
            if segment.start > limit, segment.start < before, firesAtEndOfGap(before: index) {
                return Self.date(segment.start)
            }
            index -= 1
        }
        return nil
    }

    /// Returns the next fire times after an instant.
    public func fireTimes(after date: Date, count: Int) -> [Date] {
        Array(sequence(first: date, next: next(after:)).dropFirst().prefix(count))
    }

    /// Returns the local time until which a segment repeats times of the segment before it.
    private func repeatedUntil(_ index: Int) -> Int64 {
        index > 0 ? zone.segments[index - 1].localEnd : .min
    }

    /// Returns true if a fire time falls into the gap at the start of a segment, and so fires at the gap's end.
    private func firesAtEndOfGap(before index: Int) -> Bool {
        guard firesAfterGap, index > 0 else { return false }
        let (gapStart, gapEnd) = (zone.segments[index - 1].localEnd, zone.segments[index].localStart)
        return gapStart < gapEnd && firstMatch(from: gapStart, before: gapEnd) != nil
    }

    /// Finds the first matching whole minute of local time, within a range.
    private func firstMatch(from start: Int64, before end: Int64) -> Int64? {
        guard start < end else { return nil }
        let lastDay = Int(Self.days(end - 1))
        var minute = Int(Self.ceilingMinute(start))
        var day = Self.floorDivide(minute, 1_440)
        minute -= day * 1_440
        while let match = expression.firstDay(from: day, through: lastDay) {
            if let found = expression.firstMinute(from: match == day ? minute : 0) {
                let local = Int64(match * 1_440 + found) * 60
                return local < end ? local : nil
            }
            (day, minute) = (match + 1, 0)
        }
        return nil
    }

    /// Finds the last matching whole minute of local time, within a range.
    private func lastMatch(from start: Int64, before end: Int64) -> Int64? {
        guard start < end else { return nil }
        let firstDay = Int(Self.days(start))
        var minute = Self.floorDivide(Int(end - 1), 60)
        var day = Self.floorDivide(minute, 1_440)
        minute -= day * 1_440
        while let match = expression.lastDay(from: firstDay, through: day) {
            if let found = expression.lastMinute(through: match == day ? minute : 1_439) {
                let local = Int64(match * 1_440 + found) * 60
                return local >= start ? local : nil
            }
            (day, minute) = (match - 1, 1_439)
        }
        return nil
    }

    private static func date(_ instant: Int64) -> Date { Date(timeIntervalSince1970: Double(instant)) }

    private static func days(_ seconds: Int64) -> Int64 { Int64(floorDivide(Int(seconds), 86_400)) }

    private static func ceilingMinute(_ seconds: Int64) -> Int64 { -Int64(floorDivide(Int(-seconds), 60)) }

    private static func floorDivide(_ number: Int, _ divisor: Int) -> Int {
        let quotient = number / divisor
        return number % divisor < 0 ? quotient - 1 : quotient
    }
}

/// The rules for fire times when the clocks change; `nil` is the rule of cron.
///
/// The rule of Debian's cron: an expression is *fixed-time* when neither its minute nor its hour starts with `*`. A
/// fixed time that falls into a gap fires at the end of the gap; one that comes twice fires the first time. All others
/// follow the local time.
public struct DSTPolicy: Hashable, Sendable {
    /// The rule for a time that the clocks skip.
    public enum Gap: String, Hashable, Sendable, CaseIterable {
        /// It fires at the end of the gap, together with all others of the same gap.
        case next
        case skip
    }

    /// The rule for a time that the clocks show twice.
    public enum Fold: String, Hashable, Sendable, CaseIterable {
        case first, both
    }

    public var gap: Gap?
    public var fold: Fold?

    /// Makes a policy.
    public init(gap: Gap? = nil, fold: Fold? = nil) {
        (self.gap, self.fold) = (gap, fold)
    }
}
