import Testing

@testable import Spec
@testable import Spelling

struct SpellingTests {
    private static let words = [
        "", "a", "kind", "knid", "sender", "sneder", "Sender", "senders", "sende", "ender", "template", "tempalte",
        "language", "langauge", "header", "audience", "audeince", "type", "tpye", "naïve", "naive", "params", "x-y_z",
    ]

    @Test func aQuickLookAgreesWithAllCandidates() {
        for word in Self.words {
            for known in Self.words {
                let isCandidate = !SpellingSuggestion.candidates(for: word, among: [known]).isEmpty
                #expect(SpellingSuggestion.isNear(word, to: known) == isCandidate, "\(word) for \(known)")
            }
        }
    }
}
