internal import Foundation

/// Reads the compiled IANA database: the format TZif of RFC 9636.
enum ZoneFile {
    /// The changes of a zone's clock.
    struct Transitions: Equatable {
        let initialOffset: Int64
        let changes: [Change]
    }

    /// A change: from this instant on, clocks are this many seconds ahead of UTC.
    struct Change: Equatable {
        let instant: Int64
        let offset: Int64
    }

    /// The year up to which the changes of a rule are computed.
    static let lastYear = 2200

    private static let directory = "/usr/share/zoneinfo"

    /// Reads the changes of a zone until ``lastYear``; `nil` if there is no such zone.
    static func transitions(of identifier: String) -> Transitions? {
        if let data = FileManager.default.contents(atPath: "\(directory)/\(identifier)") {
            return parse([UInt8](data))
        }
        // On a machine without the database, use the copy that Foundation has.
        guard !FileManager.default.fileExists(atPath: "\(directory)/UTC"),
            TimeZone.knownTimeZoneIdentifiers.contains(identifier) || identifier == "UTC",
            let zone = TimeZone(identifier: identifier)
        else { return nil }
        return transitions(of: zone)
    }

    private static func transitions(of zone: TimeZone) -> Transitions {
        var date = Date(timeIntervalSince1970: 0)
        let initial = Int64(zone.secondsFromGMT(for: date))
        let end = Date(timeIntervalSince1970: Double(CivilDate(year: lastYear, month: 1, day: 1).days * 86_400))
        var changes: [Change] = []
        while let next = zone.nextDaylightSavingTimeTransition(after: date), next < end, next > date {
            let instant = Int64(next.timeIntervalSince1970.rounded())
            changes.append(Change(instant: instant, offset: Int64(zone.secondsFromGMT(for: next))))
            date = next
        }
        return Transitions(initialOffset: initial, changes: changes)
    }

    /// Reads a file of version 2 or later, whose second block has 64-bit times and a rule for the future.
    static func parse(_ bytes: [UInt8]) -> Transitions? {
        guard let first = Header(bytes, at: 0), first.version >= 2 else { return nil }
        let start = first.end(timeSize: 4)
        guard let header = Header(bytes, at: start) else { return nil }
        var offset = start + Header.size
        let times = (0..<header.times).map { big(bytes, offset + $0 * 8, 8) }
        offset += header.times * 8
        let types = bytes[offset..<offset + header.times].map(Int.init)
        offset += header.times
        let offsets = (0..<header.types).map { big(bytes, offset + $0 * 6, 4) }
        guard let initial = offsets.first, types.allSatisfy(offsets.indices.contains) else { return nil }
        var changes = zip(times, types).map { Change(instant: $0, offset: offsets[$1]) }
        let footer = String(decoding: bytes[header.end(timeSize: 8)...], as: UTF8.self)
            .trimmingCharacters(in: .newlines)
        if !footer.isEmpty {
            guard let rule = PosixZoneRule(footer) else { return nil }
            let last = changes.last?.instant ?? .min
            changes += rule.changes(through: lastYear, after: last)
        }
        return Transitions(initialOffset: initial, changes: changes)
    }

    private struct Header {
        static let size = 44

        let version: Int
        let start: Int
        let (isUT, isStandard, leaps, times, types, characters): (Int, Int, Int, Int, Int, Int)

        init?(_ bytes: [UInt8], at start: Int) {
            guard bytes.count >= start + Self.size, bytes[start..<start + 4].elementsEqual("TZif".utf8) else {
                return nil
            }
            self.start = start
            version = bytes[start + 4] == 0 ? 1 : Int(bytes[start + 4]) - 48
            func count(_ index: Int) -> Int { Int(big(bytes, start + 20 + index * 4, 4)) }
            (isUT, isStandard, leaps, times, types, characters) = (
                count(0), count(1), count(2), count(3), count(4), count(5)
            )
            guard [isUT, isStandard, leaps, times, types, characters].allSatisfy({ (0...100_000).contains($0) }),
                bytes.count >= end(timeSize: version == 1 || start == 0 ? 4 : 8)
            else { return nil }
        }

        /// Returns the offset of the byte after the block.
        func end(timeSize: Int) -> Int {
            start + Self.size + times * (timeSize + 1) + types * 6 + characters + leaps * (timeSize + 4) + isStandard
                + isUT
        }
    }

    /// Reads a signed number with its highest byte first.
    private static func big(_ bytes: [UInt8], _ start: Int, _ size: Int) -> Int64 {
        let value = bytes[start..<start + size].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return size == 4 ? Int64(Int32(truncatingIfNeeded: value)) : Int64(bitPattern: value)
    }
}

/// A rule for all years to come, such as `CET-1CEST,M3.5.0,M10.5.0/3`: the value of `TZ` in POSIX, as RFC 9636 extends it.
struct PosixZoneRule: Equatable {
    /// A day of a year on which the clocks change, and the time of the change.
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
        /// Seconds after midnight in local time; may be negative, or more than a day.
        let time: Int64

        /// Returns the time of the change in seconds since 1970-01-01T00:00 local time.
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

    /// Returns the changes after an instant, in order.
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
