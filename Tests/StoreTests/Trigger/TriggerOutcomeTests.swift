import Foundation
import JSON
import Spec
import Testing

@testable import Store

/// An answer is written by hand, and read as JSON.
struct TriggerOutcomeTests {
    private static let id = UUID(uuidString: "2F9D0A3E-6A44-4A57-9D3C-0C6A3A1A2B4C") ?? UUID()

    private static let answers = [
        TriggerOutcome(contactId: "254712345678", eventId: nil),
        TriggerOutcome(
            contactId: "+254\"7\\1\n",
            eventId: "order \u{1}/ü",
            matched: [
                .init(campaignId: id, campaign: "one", messageId: UUID()),
                .init(campaignId: UUID(), campaign: "t\"wo", messageId: id),
            ],
            refused: [.init(reason: .noContact)]
        ),
        TriggerOutcome(
            contactId: "",
            eventId: "",
            refused: [
                .init(campaignId: id, campaign: "a", reason: .cooldown), .init(campaignId: id, reason: .windowClosed),
                .init(campaign: "b", reason: .notOptedIn),
            ]
        ),
    ]

    @Test(arguments: answers) func isReadAsItWasWritten(answer: TriggerOutcome) throws {
        #expect(try JSONDecoder().decode(TriggerOutcome.self, from: Data(answer.text.utf8)) == answer)
        #expect(try JSONValue(parsing: answer.text).canonicalText == answer.text)
    }

    @Test(arguments: answers) func aNameThatIsNotTheSendersIsLeftOut(answer: TriggerOutcome) throws {
        var bytes: [UInt8] = []
        answer.append(to: &bytes, isNamed: false)
        let json = try JSONValue(parsing: bytes)
        #expect(json["eventId"] == nil)
        #expect(json["contactId"] == .string(answer.contactId))
        #expect(json["refused"]?.arrayValue?.count == answer.refused.count)
    }
}
