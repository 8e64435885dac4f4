import Testing
import WhatsAppSimulator

@testable import FaultHarness

/// Seconds over the rate, with and without stalls that explain them.
struct PaceCheckTests {
    private static let second: Int64 = 1_000_000_000

    /// Requests at 76.8 per second; those within 100 ms are recorded at the end of it.
    private let heldUp = (0..<200).map { number in
        let time = Int64(number) * second * 10 / 768
        return LedgerEntry(
            monotonic: (second..<second * 11 / 10).contains(time) ? second * 11 / 10 : time,
            wall: 0,
            phoneNumberId: "1",
            recipient: "+1",
            status: 200,
            answer: .accepted
        )
    }

    private func check(_ stalls: [Metronome.Stall]) -> PaceCheck.Finding {
        PaceCheck(ratePerSecond: 80, jitter: 0, stalls: stalls).check(heldUp)
    }

    @Test func fullSecondWithoutAReasonIsAnExcess() {
        #expect(check([]).most > 80)
        #expect(!check([]).excess.isEmpty)
    }

    @Test func stallAtThatTimeExplainsIt() {
        let stall = Metronome.Stall(end: Self.second * 11 / 10, length: Self.second / 10)
        #expect(check([stall]).excess.isEmpty)
    }

    @Test func stallAtAnotherTimeDoesNot() {
        let stall = Metronome.Stall(end: 10 * Self.second, length: Self.second)
        #expect(!check([stall]).excess.isEmpty)
    }
}
