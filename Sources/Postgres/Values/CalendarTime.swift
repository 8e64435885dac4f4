/// An instant taken apart into the digits that Postgres reads: `2026-03-28 09:00:00.000001+00`.
///
/// Formatters of Foundation take microseconds of time for this and know only milliseconds.
struct CalendarTime {
    private let year: Int
    private let month: Int
    private let day: Int
    private let microsecondOfDay: Int

    init(microsecondsSince2001 instant: Int64) {
        let perDay: Int64 = 86_400_000_000
        var (days, rest) = instant.quotientAndRemainder(dividingBy: perDay)
        if rest < 0 {
            rest += perDay
            days -= 1
        }
        microsecondOfDay = Int(rest)
        // Years are counted from March, so that the leap day is the last of its year; 2001-01-01 is day 730,791
        // of an era that starts with 0000-03-01. (Howard Hinnant's civil-from-days.)
        let shifted = Int(days) + 730_791
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// Adds the text form, in UTC.
    func write(to text: inout PostgresText) {
        // There is no year 0: it is 1 BC.
        text.append(year > 0 ? year : 1 - year, width: 4)
        text.append(byte: UInt8(ascii: "-"))
        text.append(month, width: 2)
        text.append(byte: UInt8(ascii: "-"))
        text.append(day, width: 2)
        text.append(byte: UInt8(ascii: " "))
        let second = microsecondOfDay / 1_000_000
        text.append(second / 3_600, width: 2)
        text.append(byte: UInt8(ascii: ":"))
        text.append(second / 60 % 60, width: 2)
        text.append(byte: UInt8(ascii: ":"))
        text.append(second % 60, width: 2)
        text.append(byte: UInt8(ascii: "."))
        text.append(microsecondOfDay % 1_000_000, width: 6)
        text.append("+00")
        if year <= 0 { text.append(" BC") }
    }
}
