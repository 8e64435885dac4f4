import Foundation
import Randomness

/// A minute of local time.
struct WallMinute: Hashable {
    let year: Int, month: Int, day: Int, hour: Int, minute: Int
    /// 0 is Sunday.
    let weekday: Int
    let monthLength: Int

    init(minutes: Int) {
        var components = DateComponents()
        components.timeZone = TimeZone(secondsFromGMT: 0)
        let date = Date(timeIntervalSince1970: Double(minutes) * 60)
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = TimeZone(secondsFromGMT: 0) ?? .current
        let parts = calendar.dateComponents([.year, .month, .day, .hour, .minute, .weekday], from: date)
        (year, month, day) = (parts.year ?? 0, parts.month ?? 0, parts.day ?? 0)
        (hour, minute, weekday) = (parts.hour ?? 0, parts.minute ?? 0, (parts.weekday ?? 1) - 1)
        monthLength = calendar.range(of: .day, in: .month, for: date)?.count ?? 0
    }
}

/// An expression and what it means, made side by side so that neither is read from the other.
struct RandomExpression {
    let text: String
    let isFixedTime: Bool
    private let minute: Set<Int>
    private let hour: Set<Int>
    private let month: Set<Int>
    private let day: @Sendable (WallMinute) -> Bool

    init(using generator: inout SplitMix64) {
        let minute = Self.field(0...59, &generator)
        let hour = Self.field(0...23, &generator)
        let month = Bool.random(using: &generator) ? ("*", Set(1...12)) : Self.field(1...12, &generator)
        let (dayText, dayTest) = Self.days(&generator)
        let (weekdayText, weekdayTest) = Self.weekdays(&generator)
        let isEither = !dayText.hasPrefix("*") && !weekdayText.hasPrefix("*")
        text = "\(minute.0) \(hour.0) \(dayText) \(month.0) \(weekdayText)"
        isFixedTime = !minute.0.hasPrefix("*") && !hour.0.hasPrefix("*")
        (self.minute, self.hour, self.month) = (minute.1, hour.1, month.1)
        day = { isEither ? dayTest($0) || weekdayTest($0) : dayTest($0) && weekdayTest($0) }
    }

    func matches(_ wall: WallMinute) -> Bool {
        minute.contains(wall.minute) && hour.contains(wall.hour) && month.contains(wall.month) && day(wall)
    }

    private static func field(_ range: ClosedRange<Int>, _ generator: inout SplitMix64) -> (String, Set<Int>) {
        switch Int.random(in: 0...5, using: &generator) {
        case 0: return ("*", Set(range))
        case 1:
            let step = Int.random(in: 1...max(1, range.upperBound / 2), using: &generator)
            return ("*/\(step)", Set(stride(from: range.lowerBound, through: range.upperBound, by: step)))
        case 2:
            let first = Int.random(in: range, using: &generator)
            let last = Int.random(in: first...range.upperBound, using: &generator)
            return ("\(first)-\(last)", Set(first...last))
        case 3:
            let first = Int.random(in: range, using: &generator)
            let step = Int.random(in: 1...max(1, range.upperBound / 3), using: &generator)
            return ("\(first)/\(step)", Set(stride(from: first, through: range.upperBound, by: step)))
        default:
            let count = Int.random(in: 1...3, using: &generator)
            let values = (0..<count).map { _ in Int.random(in: range, using: &generator) }
            return (values.map(String.init).joined(separator: ","), Set(values))
        }
    }

    private static func days(_ generator: inout SplitMix64) -> (String, @Sendable (WallMinute) -> Bool) {
        switch Int.random(in: 0...9, using: &generator) {
        case 0...3: return ("*", { _ in true })
        case 4: return ("L", { $0.day == $0.monthLength })
        case 5:
            let before = Int.random(in: 1...5, using: &generator)
            return ("L-\(before)", { $0.day == $0.monthLength - before })
        case 6:
            let target = Int.random(in: 1...31, using: &generator)
            return ("\(target)W", { $0.day == nearest(to: target, $0) })
        case 7:
            return ("LW", { $0.day == nearest(to: $0.monthLength, $0) })
        default:
            let (text, days) = field(1...31, &generator)
            return (text, { days.contains($0.day) })
        }
    }

    /// Found by trial: the working day that is closest to the target.
    private static func nearest(to target: Int, _ wall: WallMinute) -> Int? {
        guard target <= wall.monthLength else { return nil }
        return (1...wall.monthLength)
            .filter { (1...5).contains(((wall.weekday + $0 - wall.day) % 7 + 7) % 7) }
            .min { abs($0 - target) < abs($1 - target) }
    }

    private static func weekdays(_ generator: inout SplitMix64) -> (String, @Sendable (WallMinute) -> Bool) {
        let names = ["SUN", "MON", "tue", "Wed", "THU", "fri", "SAT"]
        switch Int.random(in: 0...9, using: &generator) {
        case 0...4: return ("*", { _ in true })
        case 5:
            let weekday = Int.random(in: 0...6, using: &generator)
            return ("\(weekday)L", { $0.weekday == weekday && $0.day + 7 > $0.monthLength })
        case 6:
            let weekday = Int.random(in: 0...6, using: &generator)
            let nth = Int.random(in: 1...5, using: &generator)
            return ("\(names[weekday])#\(nth)", { $0.weekday == weekday && ($0.day - 1) / 7 == nth - 1 })
        case 7:
            let weekday = Int.random(in: 0...6, using: &generator)
            return (names[weekday], { $0.weekday == weekday })
        default:
            let (text, days) = field(0...7, &generator)
            return (text, { days.contains($0.weekday) || $0.weekday == 0 && days.contains(7) })
        }
    }
}

/// All minutes of some days on the clocks of a zone, asked of Foundation one by one.
struct MinuteScan {
    let start: Int
    let offsets: [Int]

    init(zone: TimeZone, start: Int, minutes: Int) {
        self.start = start
        offsets = (0..<minutes).map { zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(start + $0) * 60)) }
    }

    /// The minutes at which an expression fires, without those of the first day, which only shows what is repeated.
    func fireMinutes(of expression: RandomExpression, walls: [Int: WallMinute]) -> [Int] {
        var fires: [Int] = []
        var seen: Set<Int> = []
        var before: Int?
        for (index, offset) in offsets.enumerated() {
            let local = start + index + offset / 60
            var isFire = false
            if let before, local > before + 1, expression.isFixedTime {
                isFire = (before + 1..<local).contains { walls[$0].map(expression.matches) ?? false }
            }
            if !(expression.isFixedTime && seen.contains(local)), walls[local].map(expression.matches) ?? false {
                isFire = true
            }
            seen.insert(local)
            before = local
            if isFire, index >= 1_440 { fires.append(start + index) }
        }
        return fires
    }

    /// Every minute that the clocks show or leave out within the scan.
    var walls: [Int: WallMinute] {
        let locals = offsets.enumerated().map { start + $0.offset + $0.element / 60 }
        guard let first = locals.min(), let last = locals.max() else { return [:] }
        return Dictionary(uniqueKeysWithValues: (first...last).map { ($0, WallMinute(minutes: $0)) })
    }
}
