import Calendar
import Foundation
import JSON
import Spec
import Testing

struct ScheduleTests {
    /// 2026-11-24, a Tuesday.
    private static let now = Date(timeIntervalSince1970: 1_795_478_400)

    private static func catalog(_ fields: String, type: String = "scheduled", tenant: String = "") -> SpecCatalog {
        let text = """
            \(Fixture.campaign(type: type))
            ---
            kind: Schedule
            name: s
            campaign: c
            \(fields)
            \(tenant)
            """
        return Fixture.catalog(text, now: now)
    }

    private static func lines(_ fields: String, type: String = "scheduled") -> [String] {
        catalog(fields, type: type).diagnostics.map(Fixture.line)
    }

    @Test(arguments: [
        (
            "cron: \"0  9 * * MON\"\ntimeZone: Africa/Nairobi",
            """
            {"campaign":"c","cron":"0 9 * * MON","isActive":true,"localTime":false,"misfire":"runOnce","misfireWindow":"1h","name":"s",\
            "overlap":"skip","protect":false,"startWhenApproved":false,"timeZone":"Africa/Nairobi"}
            """
        ),
        (
            """
            cron: "@daily"
            timeZone: Europe/Berlin
            from: 2026-12-01
            until: 2027-12-01T09:00:30
            maxRuns: 3
            misfire: runAll
            misfireWindow: 168h
            overlap: cancelRunning
            dst: { gap: skip, fold: both }
            isActive: false
            """,
            """
            {"campaign":"c","cron":"@daily","dst":{"fold":"both","gap":"skip"},"from":"2026-12-01T00:00","isActive":false,\
            "localTime":false,"maxRuns":3,"misfire":"runAll","misfireWindow":"7d","name":"s","overlap":"cancelRunning","protect":false,\
            "startWhenApproved":false,"timeZone":"Europe/Berlin","until":"2027-12-01T09:00:30"}
            """
        ),
        (
            "at: 2026-12-01T09:00:00\ntimeZone: UTC\nmisfire: skip\ndst: {}",
            """
            {"at":"2026-12-01T09:00","campaign":"c","isActive":true,"localTime":false,"misfire":"skip","misfireWindow":"1h","name":"s",\
            "overlap":"skip","protect":false,"startWhenApproved":false,"timeZone":"UTC"}
            """
        ),
    ])
    func readsItsFormBack(fields: String, canonical: String) throws {
        let catalog = Self.catalog(fields.replacing("\ndst: {}", with: ""))
        #expect(catalog.diagnostics.map(Fixture.line) == [])
        let schedule = try #require(catalog.resolvedSchedules.first)
        #expect(schedule.spec.canonical.canonicalText == canonical)
        #expect(try ScheduleSpec(canonical: schedule.spec.canonical) == schedule.spec)
        #expect(schedule.campaign.description == "acme/Campaign/c")
    }

    @Test(arguments: [
        (
            "timeZone: UTC",
            ["13:1 C013 missing field `cron` (give the times as `cron`, or one time as `at`)"]
        ),
        ("cron: \"0 9 * * *\"", ["13:1 C013 missing field `timeZone` (kind `Schedule` needs it)"]),
        (
            "cron: \"0 9 * * *\"\nat: 2026-12-01\ntimeZone: UTC",
            ["16:1 C022 `cron` and `at` exclude each other (keep one of them)"]
        ),
        (
            "at: 2026-12-01\ntimeZone: UTC\nmaxRuns: 1\nfrom: 2026-01-01",
            [
                "18:1 C022 `maxRuns` and `at` exclude each other (keep one of them)",
                "19:1 C022 `from` and `at` exclude each other (keep one of them)",
            ]
        ),
        (
            "at: 2026-13-01\ntimeZone: UTC",
            [
                "16:5 C054 `2026-13-01` is not a local time (write it like `2026-12-01T09:00`, as the clock of `timeZone` shows it)"
            ]
        ),
        (
            "at: 2026-12-01T09:00Z\ntimeZone: UTC",
            [
                "16:5 C054 `2026-12-01T09:00Z` is not a local time "
                    + "(write it like `2026-12-01T09:00`, as the clock of `timeZone` shows it)"
            ]
        ),
        (
            "cron: \"0 9 * * *\"\ntimeZone: Africa/Nairobo",
            ["17:11 C051 unknown time zone `Africa/Nairobo` (did you mean `Africa/Nairobi`?)"]
        ),
        (
            "cron: \"0 9 * * *\"\ntimeZone: UTC\nfrom: 2027-01-02\nuntil: 2027-01-02T00:00",
            ["19:8 C057 `until` is not after `from` (give the window a length)"]
        ),
        (
            "cron: \"0 9 1 MAR *\"\ntimeZone: UTC\nfrom: 2027-01-01\nuntil: 2027-02-28",
            [
                "16:7 C058 no time of this expression lies between `from` and `until` "
                    + "(widen the window, or change the expression)"
            ]
        ),
        (
            "cron: \"0 9 * * *\"\ntimeZone: UTC\nuntil: 2026-11-23T09:00",
            ["18:8 C059 the last time of this schedule has passed (remove the schedule, or move `until`)"]
        ),
        (
            "at: 2026-11-24T00:00\ntimeZone: UTC",
            ["16:5 C059 this time has passed (remove the schedule, or choose a time to come)"]
        ),
        (
            "cron: \"0 9 13 * FRI\"\ntimeZone: UTC",
            [
                "16:7 C056 this fires on days that match either of the two day fields, not both "
                    + "(next: Fri 2026-11-27 09:00, Fri 2026-12-04 09:00, Fri 2026-12-11 09:00; "
                    + "write `*` in one of the fields if that is not meant)"
            ]
        ),
        (
            "cron: \"0 9 * * *\"\ntimeZone: UTC\nmisfire: runTwice\noverlap: kill\nmisfireWindow: 8d\nmaxRuns: 0",
            [
                "18:10 C015 `runTwice` is not a value of `misfire` (use `skip`, `runOnce` or `runAll`)",
                "19:10 C015 `kill` is not a value of `overlap` (use `skip`, `queue` or `cancelRunning`)",
                "20:16 C053 `misfireWindow` is 8d, outside of 1s to 7d",
                "21:10 C015 `maxRuns` is 0, outside of 1 to 1000000000",
            ]
        ),
    ])
    func locatesMistakes(fields: String, expected: [String]) {
        #expect(Self.lines(fields) == expected)
    }

    @Test(arguments: [
        // Columns count the quote and the text as written, escapes included.
        ("cron: \"0 25 * * *\"", 10, 12), ("cron: 0 25 * * *", 9, 11), ("cron: '0 25 * * *'", 10, 12),
        ("cron: \"0\\x20\\x32\\x35 * * *\"", 7, 28), ("cron: \"0 9 30 FEB *\"", 12, 20),
    ])
    func pointsIntoTheExpression(field: String, start: Int, end: Int) {
        let found = Self.catalog("\(field)\ntimeZone: UTC").diagnostics
        #expect(found.map(\.code) == [.cronSyntax])
        #expect(found.map { $0.place.start.line } == [16])
        #expect(found.map { [$0.place.start.column, $0.place.end.column] } == [[start, end]], "\(found)")
    }

    @Test(arguments: [
        ("cron: \"30 2 * * *\"", 2), ("cron: \"30 2 * * *\"\ndst: { gap: skip }", 1),
        ("cron: \"30 2 * * *\"\ndst: { gap: next, fold: first }", 0), ("cron: \"30 3 * * *\"", 0),
        ("cron: \"*/30 2 * * *\"", 0), ("cron: \"30 * * * *\"", 0), ("cron: \"0-59 0-23 * * *\"", 2),
        ("at: 2027-03-28T02:30", 1), ("at: 2027-10-31T02:30", 1), ("at: 2027-03-28T03:00", 0),
        ("cron: \"30 2 1 JAN *\"", 0), ("cron: \"30 2 * * *\"\nuntil: 2027-03-01", 0),
    ])
    func warnsAboutTimesAtAChangeOfTheClock(fields: String, count: Int) {
        let found = Self.catalog("\(fields)\ntimeZone: Europe/Berlin").diagnostics
        #expect(found.map(\.code) == Array(repeating: .clockChange, count: count), "\(found)")
        #expect(Self.catalog("\(fields)\ntimeZone: Africa/Nairobi").diagnostics == [])
    }

    @Test func namesTheTimeAtAChangeOfTheClock() {
        #expect(
            Self.lines("cron: \"30 2 * * *\"\ntimeZone: Europe/Berlin") == [
                "16:7 C060 02:30 comes twice on 2027-10-31 in `Europe/Berlin` "
                    + "(it fires the first time; say so with `dst: { fold: first }`, or choose another hour)",
                "16:7 C060 02:30 does not exist on 2027-03-28 in `Europe/Berlin` "
                    + "(it fires at the end of the gap; say so with `dst: { gap: next }`, or choose another hour)",
            ]
        )
    }

    @Test func startsOnlyScheduledCampaigns() {
        #expect(
            Self.lines("cron: \"0 9 * * *\"\ntimeZone: UTC", type: "manual") == [
                "15:11 C070 Schedule `s` cannot start `c`, a campaign with `type: manual` "
                    + "(give the campaign `type: scheduled`)"
            ]
        )
    }

    /// A time on the clocks of contacts comes once, also on days on which the schedule's own clocks leave it out or repeat it.
    @Test(arguments: [
        // On 29 March 2026 the clocks of Berlin go from 02:00 to 03:00, on 25 October from 03:00 to 02:00.
        ("30 2 * * *", "2026-03-28T12:00", ["2026-03-29T02:30", "2026-03-30T02:30"]),
        ("0,30 2,3 29 3 *", "2026-03-28T12:00", ["2026-03-29T02:00", "2026-03-29T03:30"]),
        ("*/30 2 25 10 *", "2026-10-24T12:00", ["2026-10-25T02:00", "2026-10-25T02:30"]),
    ])
    func showsTheTimeOnTheClocksOfContacts(cron: String, from: String, times: [String]) throws {
        let fields = "cron: \"\(cron)\"\ntimeZone: Europe/Berlin\nlocalTime: true\ndst: { fold: both }"
        let schedule = try #require(Self.catalog(fields).resolvedSchedules.first).spec
        let start = try #require(LocalDateTime(from)).instant(in: schedule.zone)
        let starts = schedule.fireTimes(after: start, count: times.count)
        #expect(starts.map { schedule.localTime(at: $0).description } == times)
        #expect(Set(starts).count == times.count)
    }

    @Test func comesInEachZoneByItsOwnClocks() throws {
        let gap = try #require(LocalDateTime("2026-03-29T02:30"))
        let (berlin, nairobi) = (try #require(IANAZone("Europe/Berlin")), try #require(IANAZone("Africa/Nairobi")))
        for (fields, isLeftOut) in [
            ("cron: \"30 2 * * *\"", false), ("cron: \"*/30 * * * *\"", true),
            ("cron: \"30 2 * * *\"\ndst: { gap: skip }", true), ("cron: \"*/30 * * * *\"\ndst: { gap: next }", false),
            ("at: 2026-03-29T02:30", false),
        ] {
            let catalog = Self.catalog(fields + "\ntimeZone: Africa/Nairobi\nlocalTime: true")
            let schedule = try #require(catalog.resolvedSchedules.first).spec
            let end = Date(timeIntervalSince1970: 1_774_746_000)
            #expect(schedule.instant(of: gap, in: berlin) == (isLeftOut ? nil : end), "\(fields)")
            #expect(schedule.instant(of: gap, in: nairobi) == end - 1.5 * 3_600)
        }
    }

    @Test func givesTheTimesWithinTheWindow() throws {
        let fields = "cron: \"0 9 * * *\"\ntimeZone: Africa/Nairobi\nfrom: 2026-11-26T09:00\nuntil: 2026-11-28T09:00"
        let schedule = try #require(Self.catalog(fields).resolvedSchedules.first)
        let nine = 1_795_478_400.0 + 6 * 3_600
        let expected = [2.0, 3, 4].map { Date(timeIntervalSince1970: nine + $0 * 86_400) }
        #expect(schedule.spec.fireTimes(after: Self.now, count: 5) == expected)
        #expect(schedule.spec.next(after: expected[2]) == nil)
        let once = try #require(Self.catalog("at: 2026-12-01T03:00\ntimeZone: Africa/Nairobi").resolvedSchedules.first)
        let instant = Date(timeIntervalSince1970: 1_795_478_400 + 7 * 86_400)
        #expect(once.spec.fireTimes(after: Self.now, count: 2) == [instant])
        #expect(once.spec.next(after: instant) == nil)
    }

    @Test(arguments: [
        ("cron: \"0 9 * * *\"", "1d", []),
        (
            "cron: \"0 9 * * *\"", "25h",
            ["acme/Schedule/s schedule `s` starts campaign `c` again after 1d, sooner than 25h"]
        ),
        (
            "cron: \"0,5 9 1 1 *\"", "1h",
            ["acme/Schedule/s schedule `s` starts campaign `c` again after 5m, sooner than 1h"]
        ),
        ("cron: \"0 9 * * *\"\nisActive: false", "25h", []), ("at: 2026-12-01", "25h", []),
    ])
    func comparesTimesWithThePolicy(fields: String, interval: String, expected: [String]) {
        let tenant = "---\nkind: Tenant\nname: acme\npolicy: { minScheduleInterval: \(interval) }\n"
        let catalog = Self.catalog("\(fields)\ntimeZone: UTC", tenant: tenant)
        #expect(catalog.diagnostics == [])
        #expect(catalog.policyViolations.map { "\($0.identity) \($0.message)" } == expected)
    }

    @Test func comparesTheTimesOfAllSchedulesOfACampaign() {
        let more = """
            ---
            kind: Schedule
            name: r
            campaign: c
            cron: "30 9 * * *"
            timeZone: UTC
            ---
            kind: Tenant
            name: acme
            policy: { minScheduleInterval: 12h }
            """
        let catalog = Self.catalog("cron: \"0 9 * * *\"\ntimeZone: UTC", tenant: more)
        #expect(
            catalog.policyViolations.map { "\($0.identity) \($0.place.start.line) \($0.message)" } == [
                "acme/Schedule/r 22 schedule `r` starts campaign `c` 30m after schedule `s`, sooner than 12h"
            ]
        )
    }
}
