import Foundation
import Testing

@testable import API

/// The alarms about a daemon that only show over minutes.
struct VitalsHistoryTests {
    private static let start = Date(timeIntervalSince1970: 1_800_000_000)

    /// Samples every ten seconds of some minutes, and the codes of the alarms at their end.
    private static func codes(
        minutes: Double,
        _ vitals: (Int) -> DaemonVitals = { _ in DaemonVitals() },
        circuit: (Int) -> String = { _ in "closed" }
    ) -> [String] {
        var history = VitalsHistory()
        for step in 0...Int(minutes * 6) {
            let now = start.addingTimeInterval(Double(step) * 10)
            #expect(history.isDue(at: now))
            history.note(vitals(step), circuit: circuit(step), at: now)
            #expect(!history.isDue(at: now.addingTimeInterval(1)))
        }
        return history.alarms.map(\.code)
    }

    @Test func nothingIsWrongWithAHealthyDaemon() {
        #expect(VitalsHistory().alarms.isEmpty)
        #expect(Self.codes(minutes: 20) { _ in DaemonVitals(failedReports: 7, memory: 50_000_000) } == [])
    }

    @Test func whatsAppMustBeDownForFiveMinutes() {
        #expect(Self.codes(minutes: 4.5, circuit: { _ in "open" }) == [])
        #expect(Self.codes(minutes: 5.5, circuit: { $0 % 2 == 0 ? "open" : "halfOpen" }) == ["whatsapp_down"])
        #expect(Self.codes(minutes: 9, circuit: { $0 == 20 ? "closed" : "open" }) == ["whatsapp_down"])
        #expect(Self.codes(minutes: 9, circuit: { $0 == 40 ? "closed" : "open" }) == [])
    }

    @Test func callersMustWaitForFiveMinutes() {
        #expect(Self.codes(minutes: 6) { _ in DaemonVitals(waitingCallers: 2) } == ["pool_too_small"])
        #expect(Self.codes(minutes: 6) { DaemonVitals(waitingCallers: $0 % 9) } == [])
    }

    @Test func failedReportsAreToldForFiveMinutes() {
        #expect(Self.codes(minutes: 3) { DaemonVitals(failedReports: $0 < 5 ? 1 : 3) } == ["webhooks_fail"])
        #expect(Self.codes(minutes: 9) { DaemonVitals(failedReports: $0 < 5 ? 1 : 3) } == [])
    }

    @Test func muchMemoryIsToldAtOnce() {
        #expect(Self.codes(minutes: 0) { _ in DaemonVitals(memory: 400_000_001) } == ["memory"])
    }

    @Test func aRedisThatMayDiscardKeysIsToldAtOnce() {
        #expect(Self.codes(minutes: 0) { _ in DaemonVitals(evictingServers: 1) } == ["redis_evicts"])
        #expect(Self.codes(minutes: 1) { DaemonVitals(evictingServers: $0 < 3 ? 1 : 0) } == [])
    }

    @Test func aClockThatWasPutBackForgetsWhatIsAhead() {
        var history = VitalsHistory()
        history.note(DaemonVitals(waitingCallers: 1), circuit: "closed", at: Self.start.addingTimeInterval(3_600))
        history.note(DaemonVitals(waitingCallers: 1), circuit: "closed", at: Self.start)
        #expect(history.alarms.isEmpty)
    }
}
