import Spelling

/// Reads the fields of an expression.
struct CronParser {
    /// The unit that a field counts.
    enum Unit: String {
        case minute, hour
        case day = "day of the month"
        case month
        case weekday = "day of the week"

        /// The allowed numbers; Sunday is also 7.
        var range: ClosedRange<Int> {
            switch self {
            case .minute: 0...59
            case .hour: 0...23
            case .day: 1...31
            case .month: 1...12
            case .weekday: 0...7
            }
        }

        var names: [String] {
            switch self {
            case .month: Self.months
            case .weekday: Self.weekdays
            case .minute, .hour, .day: []
            }
        }

        private static let months = [
            "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
        ]
        private static let weekdays = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]

        /// Returns the number of a name.
        func number(named name: String) -> Int? {
            names.firstIndex(of: name).map { $0 + (self == .month ? 1 : 0) }
        }
    }

    /// The meaning of a number in a field.
    private enum Meaning {
        /// A value of the field's unit.
        case unit
        /// `*/5`: a step.
        case step
        /// `MON#2`: the n-th weekday of a month.
        case nth
        /// `L-3`: a number of days before the last.
        case beforeLast

        func name(_ unit: Unit) -> String {
            switch self {
            case .unit: unit == .hour ? "an hour" : "a \(unit.rawValue)"
            case .step: "a step"
            case .nth: "a week of the month"
            case .beforeLast: "a number of days before the last"
            }
        }
    }

    /// A part of a field, with its place.
    private struct Part {
        let text: Substring
        let start: Int

        var range: Range<Int> { start..<start + text.utf8.count }

        func split(_ separator: Character, maxSplits: Int = .max) -> [Part] {
            var parts: [Part] = []
            var offset = start
            for piece in text.split(separator: separator, maxSplits: maxSplits, omittingEmptySubsequences: false) {
                parts.append(Part(text: piece, start: offset))
                offset += piece.utf8.count + 1
            }
            return parts
        }

        func dropping(first: Int = 0, last: Int = 0) -> Part {
            Part(text: text.dropFirst(first).dropLast(last), start: start + first)
        }
    }

    /// Reads the numbers of a field as bits.
    mutating func mask(_ field: CronFields.Field, _ unit: Unit) throws(CronError) -> UInt64 {
        var mask: UInt64 = 0
        if let bits = Self.simple(field, unit) { return bits }
        for item in items(field) { mask |= try numbers(item, unit) }
        return mask
    }

    /// Reads both day fields, with their special forms.
    mutating func days(_ day: CronFields.Field, _ weekday: CronFields.Field) throws(CronError) -> CronDays {
        var days = CronDays()
        days.hasStarDay = day.startsWithStar
        days.hasStarWeekday = weekday.startsWithStar
        if let bits = Self.simple(day, .day) {
            days.plainDays = UInt32(bits)
        } else {
            try read(day: day, into: &days)
        }
        if let bits = Self.simple(weekday, .weekday) {
            days.plainWeekdays = UInt8(bits & 0x7F) | UInt8(bits >> 7)
        } else {
            try read(weekday: weekday, into: &days)
        }
        return days
    }

    /// Reads the numbers of a field that is `*`, a name or a single number, as most fields are; `nil` for all others.
    private static func simple(_ field: CronFields.Field, _ unit: Unit) -> UInt64? {
        let text = field.text.utf8
        if text.count == 1, text.first == UInt8(ascii: "*") { return bits(unit.range, step: 1) }
        guard (1...2).contains(text.count) else { return unit.number(named: field.text).map { 1 << UInt64($0) } }
        var number = 0
        for byte in text {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            number = number * 10 + Int(byte - UInt8(ascii: "0"))
        }
        return unit.range.contains(number) ? 1 << UInt64(number) : nil
    }

    private func read(day: CronFields.Field, into days: inout CronDays) throws(CronError) {
        for item in items(day) where try !special(item, day: &days) {
            days.plainDays |= UInt32(try numbers(item, .day))
        }
    }

    private func read(weekday: CronFields.Field, into days: inout CronDays) throws(CronError) {
        for item in items(weekday) where try !special(item, weekday: &days) {
            let mask = try numbers(item, .weekday)
            days.plainWeekdays |= UInt8(mask & 0x7F) | UInt8(mask >> 7)
        }
    }

    private func items(_ field: CronFields.Field) -> [Part] {
        Part(text: Substring(field.text), start: field.range.lowerBound).split(",")
    }

    /// Reads `L`, `L-n`, `nW` and `LW`.
    private func special(_ item: Part, day days: inout CronDays) throws(CronError) -> Bool {
        let text = item.text.uppercased()
        if text == "LW" || text == "WL" {
            days.hasLastWeekday = true
        } else if text == "L" {
            days.beforeLast |= 1
        } else if text.hasPrefix("L-") {
            days.beforeLast |= 1 << UInt32(try number(item.dropping(first: 2), .day, in: 1...30, .beforeLast))
        } else if text.hasSuffix("W") {
            days.nearestWeekdays |= 1 << UInt32(try number(item.dropping(last: 1), .day, in: 1...31))
        } else {
            return false
        }
        return true
    }

    /// Reads `nL` and `n#k`.
    private func special(_ item: Part, weekday days: inout CronDays) throws(CronError) -> Bool {
        if item.text.contains("#") {
            let parts = item.split("#", maxSplits: 1)
            let weekday = try number(parts[0], .weekday, in: 0...7) % 7
            let nth = try number(parts[1], .weekday, in: 1...5, .nth)
            days.nthOfMonth |= 1 << UInt64(8 * nth + weekday)
            return true
        }
        let text = item.text.uppercased()
        guard text.hasSuffix("L"), !Unit.weekday.names.contains(text) else { return false }
        guard text != "L" else {
            throw CronError("`L` needs a day of the week", help: "write `5L` for the last Friday", at: item.range)
        }
        days.lastOfMonth |= 1 << UInt8(try number(item.dropping(last: 1), .weekday, in: 0...7) % 7)
        return true
    }

    /// Reads `*`, `n`, `n-m`, each with an optional step.
    private func numbers(_ item: Part, _ unit: Unit) throws(CronError) -> UInt64 {
        let parts = item.split("/", maxSplits: 1)
        let range = try self.range(parts[0], unit, hasStep: parts.count > 1)
        guard parts.count > 1 else { return Self.bits(range, step: 1) }
        let step = try number(parts[1], unit, in: 1...unit.range.upperBound, .step)
        return Self.bits(range, step: step)
    }

    private func range(_ part: Part, _ unit: Unit, hasStep: Bool) throws(CronError) -> ClosedRange<Int> {
        if part.text == "*" { return unit.range }
        if part.text == "?" {
            throw CronError("`?` is not part of cron", help: "write `*`", at: part.range)
        }
        let ends = part.split("-", maxSplits: 1)
        let first = try number(ends[0], unit, in: unit.range)
        guard ends.count > 1 else {
            // As in Debian's cron, a step after a single number goes on to the end of the field.
            return hasStep ? first...max(first, unit.range.upperBound) : first...first
        }
        let last = try number(ends[1], unit, in: unit.range)
        guard first <= last else {
            let isSunday = unit == .weekday && last == 0
            let help = isSunday ? "as the end of a range, Sunday is 7" : "split it into two ranges with a comma"
            throw CronError("the range `\(part.text)` runs backwards", help: help, at: part.range)
        }
        return first...last
    }

    private func number(
        _ part: Part,
        _ unit: Unit,
        in range: ClosedRange<Int>,
        _ meaning: Meaning = .unit
    ) throws(CronError) -> Int {
        let text = part.text.uppercased()
        if meaning == .unit, let number = unit.number(named: text) { return number }
        let isNumber = !text.isEmpty && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard isNumber, text.utf8.count <= 9, let number = Int(text) else {
            guard !text.isEmpty else {
                throw CronError("a number is missing", help: help(unit, range, meaning), at: part.range)
            }
            let near = meaning == .unit ? SpellingSuggestion.candidates(for: text, among: unit.names) : []
            let help =
                near.isEmpty ? help(unit, range, meaning) : "did you mean \(SpellingSuggestion.list(near, "or"))?"
            throw CronError("`\(part.text)` is not \(meaning.name(unit))", help: help, at: part.range)
        }
        guard range.contains(number) else {
            throw CronError("\(number) is not \(meaning.name(unit))", help: help(unit, range, meaning), at: part.range)
        }
        return number
    }

    private func help(_ unit: Unit, _ range: ClosedRange<Int>, _ meaning: Meaning) -> String {
        let names =
            meaning != .unit || unit.names.isEmpty ? "" : ", or \(unit.names[0]) to \(unit.names[unit.names.count - 1])"
        return "use \(range.lowerBound) to \(range.upperBound)\(names)"
    }

    private static func bits(_ range: ClosedRange<Int>, step: Int) -> UInt64 {
        stride(from: range.lowerBound, through: range.upperBound, by: step).reduce(0) { $0 | 1 << UInt64($1) }
    }
}

/// The five fields of an expression as texts, with their places.
struct CronFields {
    /// A part of the text.
    struct Field {
        let text: String
        /// Offsets within the UTF-8 of the whole text.
        let range: Range<Int>

        var startsWithStar: Bool { text.hasPrefix("*") }
    }

    private static let macros = [
        "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
        "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
    ]

    let (minute, hour, day, month, weekday): (Field, Field, Field, Field, Field)
    /// The place of the macro that replaces all fields; `nil` without a macro.
    let macro: Range<Int>?
    let canonical: String

    init(_ text: String) throws(CronError) {
        let parts = Self.split(text)
        guard let first = parts.first else {
            throw CronError(
                "the expression is empty",
                help: "write five fields: `0 9 * * MON`",
                at: 0..<text.utf8.count
            )
        }
        if first.text.hasPrefix("@") {
            self = try Self.expanded(first, parts, text)
            return
        }
        if first.text.contains("=") {
            let help = "give the zone as `timeZone`"
            throw CronError("`\(first.text)` is not a field", help: help, at: first.range)
        }
        guard parts.count == 5 else {
            let help =
                parts.count == 6
                ? "seconds and years are not supported: minute, hour, day of month, month, day of week"
                : "the fields are minute, hour, day of month, month, day of week"
            let range =
                parts.count > 5 ? parts[5].range.lowerBound..<text.utf8.count : first.range.lowerBound..<text.utf8.count
            throw CronError("the expression has \(parts.count) fields instead of 5", help: help, at: range)
        }
        (minute, hour, day, month, weekday) = (parts[0], parts[1], parts[2], parts[3], parts[4])
        macro = nil
        canonical = parts.map(\.text).joined(separator: " ").uppercased()
    }

    private init(fields: [Field], macro: Field) {
        (minute, hour, day, month, weekday) = (fields[0], fields[1], fields[2], fields[3], fields[4])
        self.macro = macro.range
        canonical = macro.text.lowercased()
    }

    private static func expanded(_ macro: Field, _ parts: [Field], _ text: String) throws(CronError) -> CronFields {
        guard let expansion = macros[macro.text.lowercased()] else {
            let names = macros.keys.sorted()
            let near = SpellingSuggestion.candidates(for: macro.text, among: names)
            let help =
                near.isEmpty
                ? "there are \(SpellingSuggestion.list(names, "and"))"
                : "did you mean \(SpellingSuggestion.list(near, "or"))?"
            throw CronError("unknown name `\(macro.text)`", help: help, at: macro.range)
        }
        guard parts.count == 1 else {
            let range = parts[1].range.lowerBound..<text.utf8.count
            throw CronError("`\(macro.text)` stands alone", help: "remove what follows", at: range)
        }
        let fields = split(expansion).map { Field(text: $0.text, range: macro.range) }
        return CronFields(fields: fields, macro: macro)
    }

    private static func split(_ text: String) -> [Field] {
        var fields: [Field] = []
        var current: [UInt8] = []
        var offset = 0
        for byte in Array(text.utf8) + [0x20] {
            if byte == 0x20 || byte == 0x09 {
                if !current.isEmpty {
                    fields.append(
                        Field(text: String(decoding: current, as: UTF8.self), range: offset - current.count..<offset)
                    )
                }
                current = []
            } else {
                current.append(byte)
            }
            offset += 1
        }
        return fields
    }
}
