import Foundation
import Testing

@testable import WhatsAppSimulator

/// The prices of statuses follow the date.
struct PricingTests {
    private static let september = Date(timeIntervalSince1970: 1_790_812_799)
    private static let october = Date(timeIntervalSince1970: 1_790_812_800)
    private static let november = Date(timeIntervalSince1970: 1_793_491_200)

    private static func message(isTemplate: Bool, category: String? = nil) throws -> AdmittedMessage {
        AdmittedMessage(
            recipient: try #require(Recipient(to: "+254700000001", requiresPlus: true)),
            callbackData: nil,
            isTemplate: isTemplate,
            isMarketing: false,
            category: category,
            isHeld: false,
            template: nil,
            waID: "254700000001",
            userID: nil
        )
    }

    @Test(arguments: [
        (september, false, "marketing", false, true), (september, true, "marketing", true, false),
        (september, true, "utility", true, true), (september, true, "utility", false, false),
        (october, true, "utility", true, false), (october, false, "utility", false, true),
    ])
    func theDateDecides(date: Date, isTemplate: Bool, category: String, wrote: Bool, isFree: Bool) throws {
        var state = RuleState(SimulatorRules())
        let message = try Self.message(isTemplate: isTemplate)
        if wrote { state.open(message.recipient, phoneNumberID: "1", now: 0) }
        #expect(state.isFree(message, category: category, phoneNumberID: "1", now: 1, date: date) == isFree)
    }

    /// Statuses name the category of the template, if the simulator knows it.
    @Test(arguments: [("utility", "utility"), (nil, "marketing")])
    func statusesNameTheCategoryOfTheTemplate(category: String?, billed: String) throws {
        let message = try Self.message(isTemplate: true, category: category)
        let subject = PendingMessage.Subject(wamid: "wamid.1", phoneNumberID: "1", message: message, isFree: false)
        let payload = StatusPayload(accountID: "1", displayPhoneNumber: "1", pricingCategory: "marketing")
        let body = payload.body(of: [StatusEvent(subject: subject, status: .delivered)], at: 1_790_812_800)
        let text = String(decoding: body, as: UTF8.self)
        #expect(text.contains("\"category\":\"\(billed)\""), "\(text)")
    }

    @Test func aThousandAreFreeInAMonthOfANumber() throws {
        var state = RuleState(SimulatorRules())
        let message = try Self.message(isTemplate: false)
        func free(_ number: String, _ date: Date, _ count: Int) -> Int {
            (0..<count).count { _ in
                state.isFree(message, category: "marketing", phoneNumberID: number, now: 1, date: date)
            }
        }
        #expect(free("1", Self.october, 1_100) == 1_000)
        #expect(free("2", Self.october, 10) == 10)
        #expect(free("1", Self.november, 10) == 10)
    }
}
