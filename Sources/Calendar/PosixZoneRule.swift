/// A rule for all years to come, such as `CET-1CEST,M3.5.0,M10.5.0/3`: the value of `TZ` in POSIX, as RFC 9636 extends it.
struct PosixZoneRule: Equatable {
    /// A day of a year on which the clocks change, and when on it.
    struct Turn: Equatable {
        enum Day: Equatable {
            /// The n-th such weekday of a month; the fifth is the last.
            case weekday(month: Int, week: Int, weekday: Int)
            /// Day 1 to 365; February 29 is not counted.
            case julian(Int)
            /// Day 0 to 365; February 29 is counted.
            case ordinal(Int)
        }

        let day: Day
        /// Seconds after midnight on the wall; may be negative, or more than a day.
        let time: Int64

        /// Seconds since 1970-01-01T00:00 on the wall.
        func local(year: Int) -> Int64 {
            Int64(days(year: year)) * 86_400 + time
        }

        private func days(year: Int) -> Int {
            switch day {
            case .ordinal(let number): return CivilDate(year: year, month: 1, day: 1).days + number
            case .julian(let number):
                let isAfterLeapDay = CivilDate.isLeap(year) && number >= 60
                return CivilDate(year: year, month: 1, day: 1).days + number - 1 + (isAfterLeapDay ? 1 : 0)
            case .weekday(let month, let week, let weekday):
                let first = CivilDate(year: year, month: month, day: 1)
                var day = 1 + (weekday - first.weekday + 7) % 7 + (week - 1) * 7
                if day > first.monthLength { day -= 7 }
                return first.days + day - 1
            }
        }
    }

    let standard: Int64
    let summer: (offset: Int64, start: Turn, end: Turn)?

    static func == (left: Self, right: Self) -> Bool {
        left.standard == right.standard && left.summer?.offset == right.summer?.offset
            && left.summer?.start == right.summer?.start && left.summer?.end == right.summer?.end
    }

    init?(_ text: String) {
        var reader = PosixZoneReader(text)
        guard reader.name(), let standard = reader.time() else { return nil }
        self.standard = -standard
        guard !reader.isAtEnd else {
            summer = nil
            return
        }
        guard reader.name() else { return nil }
        let offset: Int64
        if reader.peek == UInt8(ascii: ",") {
            offset = self.standard + 3_600
        } else {
            guard let given = reader.time() else { return nil }
            offset = -given
        }
        guard let start = reader.turn(), let end = reader.turn(), reader.isAtEnd else { return nil }
        summer = (offset, start, end)
    }

    /// The changes behind an instant, in order.
    func changes(through lastYear: Int, after last: Int64) -> [ZoneFile.Change] {
        guard let summer else {
            return [ZoneFile.Change(instant: last, offset: standard)].filter { $0.instant != .min }
        }
        let firstYear = last == .min ? 1970 : CivilDate(days: Int((Double(last) / 86_400).rounded(.down))).year
        guard firstYear <= lastYear else { return [] }
        return (firstYear...lastYear).flatMap { year in
            [
                ZoneFile.Change(instant: summer.start.local(year: year) - standard, offset: summer.offset),
                ZoneFile.Change(instant: summer.end.local(year: year) - summer.offset, offset: standard),
            ]
        }
        .filter { $0.instant > last }
        .sorted { $0.instant < $1.instant }
    }
}

/// Reads the parts of a rule from left to right.
struct PosixZoneReader {
    private var rest: Substring.UTF8View

    init(_ text: String) {
        rest = Substring(text).utf8
    }

    var peek: UInt8? { rest.first }
    var isAtEnd: Bool { rest.isEmpty }

    /// Skips an abbreviation such as `CET` or `<+03>`.
    mutating func name() -> Bool {
        if rest.first == UInt8(ascii: "<") {
            guard let end = rest.firstIndex(of: UInt8(ascii: ">")) else { return false }
            rest = rest[rest.index(after: end)...]
            return true
        }
        let letters = rest.prefix { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0 | 0x20) }
        rest = rest.dropFirst(letters.count)
        return letters.count >= 3
    }

    /// Reads `[+-]h[:m[:s]]` as seconds.
    mutating func time() -> Int64? {
        var sign: Int64 = 1
        if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") {
            sign = rest.removeFirst() == UInt8(ascii: "-") ? -1 : 1
        }
        guard let hours = number() else { return nil }
        var seconds = Int64(hours) * 3_600
        for unit in [60, 1] as [Int64] where rest.first == UInt8(ascii: ":") {
            rest.removeFirst()
            guard let value = number() else { return nil }
            seconds += Int64(value) * unit
        }
        return sign * seconds
    }

    /// Reads `,M3.5.0/2`, `,J60` or `,59`.
    mutating func turn() -> PosixZoneRule.Turn? {
        guard skip(","), let day = day() else { return nil }
        guard skip("/") else { return PosixZoneRule.Turn(day: day, time: 7_200) }
        return time().map { PosixZoneRule.Turn(day: day, time: $0) }
    }

    private mutating func day() -> PosixZoneRule.Turn.Day? {
        if skip("J") { return number().map { .julian($0) } }
        guard skip("M") else { return number().map { .ordinal($0) } }
        guard let month = number(), skip("."), let week = number(), skip("."), let weekday = number(),
            (1...12).contains(month), (1...5).contains(week), (0...6).contains(weekday)
        else { return nil }
        return .weekday(month: month, week: week, weekday: weekday)
    }

    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    private mutating func number() -> Int? {
        let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        rest = rest.dropFirst(digits.count)
        return Int(String(Substring(digits)))
    }
}
