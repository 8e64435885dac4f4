import Store
import Testing

@testable import Runtime

/// To whom a webhook may be passed on, and how a batch goes on after an error.
struct ForwardDecisionTests {
    private static let routes = ForwardRoutes(
        receivers: ["acme", "inet"],
        numbers: [
            .init(tenantID: "acme", phoneNumberID: "1", businessAccountID: "A"),
            .init(tenantID: "acme", phoneNumberID: "2", businessAccountID: "S"),
            .init(tenantID: "globex", phoneNumberID: "3", businessAccountID: "S"),
            .init(tenantID: "globex", phoneNumberID: "4", businessAccountID: "A", isArchived: true),
            .init(tenantID: "inet", phoneNumberID: "5", businessAccountID: nil),
            .init(tenantID: "globex", phoneNumberID: "6", businessAccountID: nil),
            .init(tenantID: "inet", phoneNumberID: "6", businessAccountID: nil),
            .init(tenantID: "globex", phoneNumberID: "1", businessAccountID: "G", isArchived: true),
        ]
    )

    private static func route(_ sources: [(String?, String?)]) -> ForwardRoutes.Route {
        routes.route(for: Set(sources.map { WebhookSource(phoneNumberID: $0.0, businessAccountID: $0.1) }))
    }

    @Test func aWebhookAboutOneTenantGoesToIt() {
        #expect(Self.route([("1", "A")]) == .tenant("acme"))
        #expect(Self.route([("1", "A"), ("2", "S"), (nil, "A")]) == .tenant("acme"))
        #expect(Self.route([("5", nil)]) == .tenant("inet"))
        // A number of the help desk, in an account that only one tenant has.
        #expect(Self.route([("99", "A")]) == .tenant("acme"))
    }

    @Test func aWebhookAboutOthersGoesToNobody() {
        #expect(Self.route([("1", "A"), ("5", "I")]) == .mixed(["acme", "inet"]))
        #expect(Self.route([("1", "A"), ("3", "S")]) == .mixed(["acme", "globex"]))
        #expect(Self.route([("6", nil)]) == .mixed(["globex", "inet"]), "a number of two tenants")
        #expect(Self.route([(nil, "S")]) == .mixed(["acme", "globex"]), "an account of two tenants")
        #expect(Self.route([("1", "A"), ("98", "Z")]) == .mixed(["acme"]), "a number that nobody is known to have")
        #expect(Self.route([("3", "S")]) == .none)
        #expect(Self.route([("4", "A")]) == .none, "a number that another tenant had")
        #expect(Self.route([("98", "Z")]) == .none)
        #expect(Self.route([]) == .none)
        #expect(ForwardRoutes().route(for: [WebhookSource(phoneNumberID: "1", businessAccountID: "A")]) == .none)
    }

    private static func progress(
        patience: Int = 2,
        _ outcomes: [ForwardOutcome]
    ) -> (progress: ForwardProgress, posted: Int) {
        var progress = ForwardProgress(patience: patience)
        for (index, outcome) in outcomes.enumerated() {
            guard progress.note([(Int64(index), outcome)]) else { return (progress, index + 1) }
        }
        return (progress, outcomes.count)
    }

    @Test func oneThatIsRefusedDoesNotHoldUpTheOthers() {
        let (progress, posted) = Self.progress([.taken, .refused("500"), .taken, .refused("400")])
        #expect(posted == 4 && progress.taken == [0, 2] && progress.putOff == [1, 3] && progress.failure == nil)
    }

    @Test func aReceiverThatRefusesAllKeepsTheOrder() {
        let (progress, posted) = Self.progress([.refused("500"), .refused("500"), .taken])
        #expect(posted == 2 && progress.taken.isEmpty && progress.putOff.isEmpty)
        #expect(progress.failure?.reason == "500")
        let later = Self.progress([.refused("400"), .taken, .refused("500"), .refused("500")]).progress
        #expect(later.putOff == [0] && later.failure?.reason == "500")
        let alone = Self.progress([.refused("500")]).progress
        #expect(alone.putOff.isEmpty && alone.failure?.reason == "500")
        // After failures more are tried, so several that are always refused are passed at last.
        let patient = Self.progress(patience: 4, [.refused("500"), .refused("500"), .refused("500"), .taken]).progress
        #expect(patient.putOff == [0, 1, 2] && patient.failure == nil)
    }

    @Test func anErrorOfTheReceiverEndsTheBatch() {
        let (progress, posted) = Self.progress([.taken, .failed("HTTP 429", retryAfter: .seconds(9)), .taken])
        #expect(posted == 2 && progress.taken == [0] && progress.putOff.isEmpty)
        #expect(progress.failure?.retryAfter == .seconds(9))
        var together = ForwardProgress(patience: 2)
        let goesOn = together.note([(0, .refused("500")), (1, .taken), (2, .failed("reset", retryAfter: .zero))])
        #expect(!goesOn)
        #expect(together.taken == [1] && together.putOff == [0])
    }

    @Test func delaysGrowToAMinute() {
        let times = WebhookForwarder.Times()
        #expect(times.delay(after: 1, random: 0) == .seconds(1))
        #expect(times.delay(after: 3, random: 0) == .seconds(4))
        #expect(times.delay(after: 3, random: 1) == .milliseconds(4800))
        #expect(times.delay(after: 100, random: 0) == .seconds(60))
    }
}
