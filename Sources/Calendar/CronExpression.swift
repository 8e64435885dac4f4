/// Five fields that name minutes: minute, hour, day of the month, month, day of the week.
///
/// Follows the rules of Debian's cron: lists, ranges, steps and names; Sunday is 0 and 7; when neither day field starts
/// with `*`, a day matches if either does. In addition there are `L`, `L-n`, `nW`, `LW` as days of the month, `nL` and
/// `n#k` as days of the week, and `@hourly`, `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly`, `@annually`.
public struct CronExpression: Hashable, Sendable, CustomStringConvertible {
    /// The number of days after which the Gregorian calendar repeats itself.
    private static let calendarCycle = 146_097

    /// The expression with single spaces and names in upper case; it reads back as the same.
    public let description: String
    /// Bit n is minute n.
    let minutes: UInt64
    /// Bit n is hour n.
    let hours: UInt32
    /// Bit n is month n, from 1.
    let months: UInt16
    let days: CronDays
    /// True if neither minute nor hour starts with `*`.
    public let isFixedTime: Bool

    /// True if a day matches if either day field does: the most common surprise of cron.
    public var usesEitherDay: Bool { days.usesEither }

    /// Reads an expression.
    ///
    /// - Throws: ``CronError`` with the place within the text, also when no day of any year matches.
    public init(_ text: String) throws(CronError) {
        let fields = try CronFields(text)
        var parser = CronParser()
        minutes = try parser.mask(fields.minute, .minute)
        hours = UInt32(try parser.mask(fields.hour, .hour))
        days = try parser.days(fields.day, fields.weekday)
        months = UInt16(try parser.mask(fields.month, .month))
        isFixedTime = !fields.minute.startsWithStar && !fields.hour.startsWithStar
        description = fields.canonical
        guard matchesSomeDay else {
            let range = fields.macro ?? fields.day.range.lowerBound..<fields.weekday.range.upperBound
            throw CronError("no day of any year matches", help: "look at the day and the month together", at: range)
        }
    }

    func matches(_ date: CivilDate, days number: Int) -> Bool {
        months >> UInt16(date.month) & 1 == 1
            && days.matches(day: date.day, weekday: CivilDate.weekday(ofDays: number), length: date.monthLength)
    }

    private var matchesSomeDay: Bool {
        if days.isEveryDay { return true }
        let start = CivilDate(year: 2000, month: 1, day: 1).days
        return firstDay(from: start, through: start + Self.calendarCycle) != nil
    }

    /// Returns the first day of a range that matches, in days since 1970-01-01.
    package func firstDay(from start: Int, through end: Int) -> Int? {
        var number = start
        while number <= end {
            let date = CivilDate(days: number)
            if months >> UInt16(date.month) & 1 == 0 {
                number += date.monthLength - date.day + 1
                continue
            }
            let length = date.monthLength
            for day in date.day...length {
                let current = number + day - date.day
                guard current <= end else { return nil }
                if days.matches(day: day, weekday: CivilDate.weekday(ofDays: current), length: length) {
                    return current
                }
            }
            number += length - date.day + 1
        }
        return nil
    }

    /// Returns the last day of a range that matches.
    func lastDay(from start: Int, through end: Int) -> Int? {
        var number = end
        while number >= start {
            let date = CivilDate(days: number)
            if months >> UInt16(date.month) & 1 == 1 {
                let length = date.monthLength
                for day in stride(from: date.day, through: 1, by: -1) {
                    let current = number - date.day + day
                    guard current >= start else { return nil }
                    if days.matches(day: day, weekday: CivilDate.weekday(ofDays: current), length: length) {
                        return current
                    }
                }
            }
            number -= date.day
        }
        return nil
    }

    /// Returns the first matching minute of a day, at or after `start`; in minutes since midnight.
    package func firstMinute(from start: Int) -> Int? {
        guard start < 1_440 else { return nil }
        var hour = start / 60
        if hours >> UInt32(hour) & 1 == 1 {
            let rest = minutes >> UInt64(start % 60)
            if rest != 0 { return start + rest.trailingZeroBitCount }
        }
        hour += 1
        let later = hour > 23 ? 0 : hours >> UInt32(hour)
        return later == 0 ? nil : (hour + later.trailingZeroBitCount) * 60 + minutes.trailingZeroBitCount
    }

    /// Returns the last matching minute of a day, at or before `end`.
    func lastMinute(through end: Int) -> Int? {
        guard end >= 0 else { return nil }
        let hour = min(end, 1_439) / 60
        if hours >> UInt32(hour) & 1 == 1 {
            let kept = minutes & (.max >> UInt64(63 - min(end, 1_439) % 60))
            if kept != 0 { return hour * 60 + 63 - kept.leadingZeroBitCount }
        }
        let earlier = hours & ((1 << UInt32(hour)) - 1)
        return earlier == 0 ? nil : (31 - earlier.leadingZeroBitCount) * 60 + 63 - minutes.leadingZeroBitCount
    }
}

/// An error in a cron expression, with its place.
public struct CronError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The problem: lower case, no full stop.
    public let message: String
    /// The remedy for the author.
    public let help: String?
    /// The wrong part, as offsets of the text's UTF-8.
    public let range: Range<Int>

    init(_ message: String, help: String? = nil, at range: Range<Int>) {
        (self.message, self.help, self.range) = (message, help, range)
    }

    public var description: String { message + (help.map { " (\($0))" } ?? "") }
}

/// The days of a month that the two day fields of an expression name.
struct CronDays: Hashable, Sendable {
    /// Bit n is day n.
    var plainDays: UInt32 = 0
    /// Bit n is the n-th day before the last; bit 0 is `L`.
    var beforeLast: UInt32 = 0
    /// Bit n is the weekday, Monday to Friday, nearest to day n.
    var nearestWeekdays: UInt32 = 0
    /// True if the last weekday of the month, Monday to Friday, is named: `LW`.
    var hasLastWeekday = false

    /// Bit n is weekday n; 0 is Sunday.
    var plainWeekdays: UInt8 = 0
    /// Bit n is the last weekday n of the month.
    var lastOfMonth: UInt8 = 0
    /// Bit 8 × k + n is the k-th weekday n of the month.
    var nthOfMonth: UInt64 = 0

    /// True if the fields start with `*`.
    var (hasStarDay, hasStarWeekday) = (false, false)

    /// True if a day matches if either field does.
    var usesEither: Bool { !hasStarDay && !hasStarWeekday }

    /// True if all days match.
    var isEveryDay: Bool {
        hasStarDay && hasStarWeekday && plainDays == 0xFFFF_FFFE && plainWeekdays & 0x7F == 0x7F
    }

    func matches(day: Int, weekday: Int, length: Int) -> Bool {
        let isDay = matchesDay(day, weekday: weekday, length: length)
        if usesEither { return isDay || matchesWeekday(weekday, day: day, length: length) }
        return isDay && matchesWeekday(weekday, day: day, length: length)
    }

    private func matchesDay(_ day: Int, weekday: Int, length: Int) -> Bool {
        if plainDays >> UInt32(day) & 1 == 1 || beforeLast >> UInt32(length - day) & 1 == 1 { return true }
        guard nearestWeekdays != 0 || hasLastWeekday, (1...5).contains(weekday) else { return false }
        if hasLastWeekday, Self.nearest(to: length, weekday: weekday, of: day, length: length) { return true }
        // A weekday can be nearest to itself or to the weekend beside it, which is at most two days away at the ends of
        // a month.
        return (max(1, day - 2)...min(length, day + 2)).contains { target in
            nearestWeekdays >> UInt32(target) & 1 == 1
                && Self.nearest(to: target, weekday: weekday, of: day, length: length)
        }
    }

    /// Returns true if `day`, which is a `weekday`, is the weekday nearest to `target` in the same month.
    private static func nearest(to target: Int, weekday: Int, of day: Int, length: Int) -> Bool {
        let targetWeekday = ((weekday + target - day) % 7 + 7) % 7
        let nearest =
            switch targetWeekday {
            case 6: target > 1 ? target - 1 : target + 2
            case 0: target < length ? target + 1 : target - 2
            default: target
            }
        return nearest == day
    }

    private func matchesWeekday(_ weekday: Int, day: Int, length: Int) -> Bool {
        plainWeekdays >> UInt8(weekday) & 1 == 1
            || lastOfMonth >> UInt8(weekday) & 1 == 1 && day + 7 > length
            || nthOfMonth >> UInt64(8 * ((day + 6) / 7) + weekday) & 1 == 1
    }
}
