import Store
import Testing

@testable import Runtime

/// The advice of `campaignd errors` about the code of a failure.
struct FailureAdviceTests {
    @Test func everyCodeOfWhatsAppHasAMeaningAndARemedy() {
        for line in WhatsAppError.table {
            for code in line.codes {
                let advice = FailureAdvice(code: String(code), text: "")
                #expect(advice.scope == line.scope && advice.meaning == line.meaning, "\(code)")
                #expect(!advice.remedy.isEmpty && !advice.remedy.hasSuffix("."), "\(code)")
            }
        }
    }

    /// The codes that this program writes itself, in the statements of `Store` and in `Runtime/Sending`.
    @Test(arguments: [
        "missing_value", "unreadable_value", "unreadable_row", "unusable_message", "connection", "answer_lost",
        "poison",
        "unclaimable", "opted_out", "marketing_stopped", "deactivated", "window_closed", "quiet_hours", "frequency_cap",
    ])
    func everyCodeOfOursHasAMeaning(code: String) {
        let advice = FailureAdvice(code: code, text: "")
        #expect(advice.meaning?.isEmpty == false && !advice.remedy.isEmpty)
    }

    @Test func detailsDecideWhatACodeConcerns() {
        #expect(FailureAdvice(code: "131008", text: "").scope == .campaign)
        let layout = FailureAdvice(code: "132018", text: "Param text cannot have new-line/tab characters")
        #expect(layout.scope == .message && layout.meaning == nil)
        #expect(layout.remedy.contains("contact's values"))
    }

    @Test func anUnknownCodeSaysSo() {
        let advice = FailureAdvice(code: "999999", text: "Something new")
        #expect(advice.scope == .unknown && advice.meaning == nil && advice.remedy.contains("WhatsApp's text"))
    }
}
