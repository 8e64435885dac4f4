import Foundation
import Randomness
import Testing

@testable import Calendar

/// Checks every minute of days on which clocks change: the schedule must fire exactly when the rules say.
struct CronOracleTests {
    private static let zones = [
        "UTC", "America/New_York", "Europe/Berlin", "Europe/Dublin", "Australia/Lord_Howe", "America/Sao_Paulo",
        "Pacific/Apia", "Pacific/Kwajalein", "Africa/Casablanca", "Africa/Nairobi", "Asia/Kathmandu", "Asia/Kolkata",
        "America/St_Johns", "America/Caracas", "Asia/Tehran", "Asia/Gaza", "America/Havana", "Antarctica/Troll",
        "Pacific/Chatham", "Asia/Pyongyang", "Europe/Istanbul", "America/Santiago", "Africa/Cairo", "Europe/Volgograd",
        "America/Scoresbysund", "Asia/Beirut", "Atlantic/Azores", "Pacific/Easter", "Asia/Amman", "America/Godthab",
    ]
    /// One day before the window shows which times repeat in it; no clock change has an effect from further away.
    private static let windowDays = 3

    @Test(arguments: zones)
    func firesExactlyWhenAScanOfAllMinutesSays(identifier: String) throws {
        let zone = try #require(TimeZone(identifier: identifier))
        let ours = try #require(IANAZone(identifier))
        var generator = SplitMix64(seed: identifier.utf8.reduce(1) { $0 &* 31 &+ UInt64($1) })
        var checked = 0
        for start in windows(zone, &generator) {
            let scan = MinuteScan(zone: zone, start: start, minutes: Self.windowDays * 1_440)
            // The two implementations may use different editions of the time zone database.
            let isSame = scan.offsets.indices.allSatisfy {
                ours.offset(at: Int64(start + $0) * 60) == Int64(scan.offsets[$0])
            }
            guard isSame else { continue }
            let walls = scan.walls
            for _ in 0..<8 {
                let random = RandomExpression(using: &generator)
                // An expression that never matches is refused, which a scan of a few days cannot check.
                guard let expression = try? CronExpression(random.text) else { continue }
                check(CronSchedule(expression, in: ours), random, scan, walls)
                checked += 1
            }
        }
        #expect(checked >= 8)
    }

    private func check(
        _ schedule: CronSchedule,
        _ random: RandomExpression,
        _ scan: MinuteScan,
        _ walls: [Int: WallMinute]
    ) {
        let expected = scan.fireMinutes(of: random, walls: walls)
        let (from, to) = (scan.start + 1_440, scan.start + scan.offsets.count)
        var forward: [Int] = []
        var date = Date(timeIntervalSince1970: Double(from) * 60 - 1)
        while let next = schedule.next(after: date), next < Date(timeIntervalSince1970: Double(to) * 60) {
            forward.append(Int(next.timeIntervalSince1970 / 60))
            date = next
        }
        var backward: [Int] = []
        date = Date(timeIntervalSince1970: Double(to) * 60)
        while let previous = schedule.previous(before: date), previous >= Date(timeIntervalSince1970: Double(from) * 60)
        {
            backward.append(Int(previous.timeIntervalSince1970 / 60))
            date = previous
        }
        #expect(forward == expected, "\(random.text) in \(schedule.zone.identifier)")
        #expect(backward.reversed() == expected, "\(random.text) in \(schedule.zone.identifier), backwards")
    }

    /// Starts of windows, in minutes: around changes of the clock, ends of months and leap days of random years.
    private func windows(_ zone: TimeZone, _ generator: inout SplitMix64) -> [Int] {
        var starts: [Int] = []
        var years = (0..<2).map { _ in Int.random(in: 1973...2036, using: &generator) }
        years += ["Pacific/Apia": 2011, "Pacific/Kwajalein": 1993][zone.identifier].map { [$0] } ?? []
        for year in years {
            let first = CivilDate(year: year, month: 1, day: 1).days
            let offsets = (0...366).map { day in
                zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(first + day) * 86_400))
            }
            let changes = (1...366).filter { offsets[$0] != offsets[$0 - 1] }
            starts += changes.prefix(2).map { (first + $0 - 2) * 1_440 }
            let month = Int.random(in: 1...12, using: &generator)
            starts.append((CivilDate(year: year, month: month, day: 1).days - 2) * 1_440)
        }
        let leapYear = Int.random(in: 494...508, using: &generator) * 4
        starts.append((CivilDate(year: leapYear, month: 2, day: 28).days - 1) * 1_440)
        return starts
    }
}
