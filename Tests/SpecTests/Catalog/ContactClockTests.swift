import Calendar
import Foundation
import Testing

@testable import Spec

/// Quiet hours that follow the clock of each contact.
struct ContactClockTests {
    @Test func quietHoursOfContactsStopNoLane() throws {
        let hours = try #require(TenantSpec.QuietHours(from: "21:00", to: "08:00", action: "wait", clock: "contact"))
        #expect(SendingHours(quietHours: hours, timeZone: "Africa/Nairobi") == nil)
        let (tokyo, nairobi) = (try #require(IANAZone("Asia/Tokyo")), try #require(IANAZone("Africa/Nairobi")))
        // 23:00 in Tokyo, 17:00 in Nairobi.
        let now = Date(timeIntervalSince1970: 1_780_322_400)
        let quiet = try #require(SendingHours(hours, ofContactsIn: tokyo)?.quiet(at: now))
        #expect(quiet.until.timeIntervalSince(now) == 9 * 3_600)
        #expect(try #require(SendingHours(hours, ofContactsIn: nairobi)).quiet(at: now) == nil)
        let skipping = TenantSpec.QuietHours(from: "21:00", to: "08:00", action: "skip", clock: "contact")
        #expect(SendingHours(skipping, ofContactsIn: tokyo) == nil)
    }

    /// Quiet hours on the tenant's clock surprise contacts far away, and free text may come too late.
    @Test(arguments: [
        ("", "message: { type: text, text: { body: Hi } }", ["C064", "C085"]),
        (", clock: tenant", "message: { type: text, text: { body: Hi } }", ["C064", "C085"]),
        (", clock: contact", "message: { type: text, text: { body: Hi } }", ["C085", "C085"]),
        (", clock: contact, action: skip", "message: { type: text, text: { body: Hi } }", ["C085"]),
        (", clock: contact", "message: { type: template, template: { name: hi, language: { code: en } } }", []),
        ("", "message: { type: template, template: { name: hi, language: { code: en } } }", ["C064"]),
    ])
    func warnsOfOtherClocksAndOfFreeTextThatIsSentLater(clock: String, message: String, codes: [String]) {
        let text = """
            kind: Tenant
            name: acme
            timeZone: Africa/Nairobi
            quietHours: { from: "21:00", to: "07:30"\(clock) }
            ---
            \(ExampleSpecs.schedule("cron: \"0 9 * * MON\"\nlocalTime: true").replacing(ExampleSpecs.freeText, with: message))
            """
        #expect(
            Fixture.catalog(text).diagnostics.map(\.code.rawValue).filter { ["C064", "C085"].contains($0) }.sorted()
                == codes
        )
    }

    @Test(arguments: [
        ("cron: \"0 22 * * MON\"", "action: skip", true), ("cron: \"0 9 * * MON\"", "action: skip", false),
        ("cron: \"0 9,22 * * MON\"", "action: skip", false), ("cron: \"0 22 * * MON\"", "action: wait", false),
        ("cron: \"0 22 * * MON\"\nlocalTime: true", "action: skip", false),
        ("cron: \"0 22 * * MON\"\nlocalTime: true", "action: skip, clock: contact", true),
        ("cron: \"0 22 * * MON\"", "action: skip, clock: contact", false),
        ("at: 2045-06-01T07:29", "action: skip", true), ("at: 2045-06-01T07:30", "action: skip", false),
    ])
    func warnsOfSchedulesThatNeverSend(times: String, rule: String, isWarned: Bool) {
        let text = """
            kind: Tenant
            name: acme
            timeZone: Africa/Nairobi
            quietHours: { from: "21:00", to: "07:30", \(rule) }
            ---
            \(ExampleSpecs.schedule(times))
            """
        let found = Fixture.catalog(text).diagnostics.filter { $0.code == .silentSchedule }
        #expect(found.count == (isWarned ? 1 : 0), "\(found)")
    }
}
