/// The days of a month that the two day fields of an expression name.
struct CronDays: Hashable, Sendable {
    /// Bit n is day n.
    var plainDays: UInt32 = 0
    /// Bit n is the n-th day before the last; bit 0 is `L`.
    var beforeLast: UInt32 = 0
    /// Bit n is the weekday, Monday to Friday, nearest to day n.
    var nearestWeekdays: UInt32 = 0
    /// Whether the last weekday of the month, Monday to Friday, is named: `LW`.
    var hasLastWeekday = false

    /// Bit n is weekday n; 0 is Sunday.
    var plainWeekdays: UInt8 = 0
    /// Bit n is the last weekday n of the month.
    var lastOfMonth: UInt8 = 0
    /// Bit 8 × k + n is the k-th weekday n of the month.
    var nthOfMonth: UInt64 = 0

    /// Whether the fields start with `*`.
    var (hasStarDay, hasStarWeekday) = (false, false)

    /// Whether a day matches if either field does.
    var usesEither: Bool { !hasStarDay && !hasStarWeekday }

    /// Whether all days match.
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
        // A weekday stands for itself and for the weekend beside it: at most two days further, at the ends of a month.
        return (max(1, day - 2)...min(length, day + 2)).contains { target in
            nearestWeekdays >> UInt32(target) & 1 == 1
                && Self.nearest(to: target, weekday: weekday, of: day, length: length)
        }
    }

    /// Whether `day`, which is a `weekday`, is the weekday nearest to `target` in the same month.
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
