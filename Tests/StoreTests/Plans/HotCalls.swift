import Foundation
import JSON
import Postgres
import Spec

@testable import Store

/// The calls that daemons make for each batch of messages, events and reports, and at each look of a service.
struct HotCalls {
    static let event = "payment.overdue"

    /// The pool of a daemon; the rows of the test come from elsewhere.
    let pool: PostgresPool

    /// Makes every call once, with rows to work on.
    ///
    /// `campaign` is a triggered campaign with a cooldown, `module` one that a program sends; `run` has at least 12
    /// queued messages with these ids.
    func all(campaign: UUID, module: UUID, run: UUID, messages ids: [UUID]) async throws {
        try await hook("first", contacts: 1...3)
        try await hook("second", contacts: 4...6)
        try await post(to: module, contacts: 1...3)
        for run in try await RunRepository(pool: pool).running() { try await feed(run.id) }
        try await send(ids)
        try await recover(ids, run: run)
        try await report(ids)
        try await forward()
        try await look(campaign: campaign, run: run)
        try await retain()
    }

    /// New and repeated events, with and without campaigns that wait.
    func hook(_ name: String, contacts: ClosedRange<Int>) async throws {
        let triggers = TriggerRepository(pool: pool, announces: false)
        let requests = contacts.map {
            TriggerRequest(
                contactID: Fixture.phone($0),
                context: ["amount": .string("\($0)")],
                eventID: "\(name)-\($0)"
            )
        }
        _ = try await triggers.fire(requests, event: Self.event, tenant: "acme", now: Date())
        _ = try await triggers.fire(requests, event: Self.event, tenant: "acme", now: Date())
        // As it is repeated when a run has changed.
        _ = try await triggers.fire(
            requests.map { TriggerRequest(contactID: $0.contactID, context: $0.context) },
            of: .event(Self.event),
            tenant: "acme",
            now: Date(),
            locksRuns: true
        )
    }

    /// Messages that a program sends to contacts that it names.
    func post(to module: UUID, contacts: ClosedRange<Int>) async throws {
        let requests = contacts.map { TriggerRequest(contactID: Fixture.phone($0), eventID: "post-\($0)") }
        do {
            try await CampaignRepository(pool: pool).checkMessages(requests.count, of: module, tenant: "acme")
        } catch is CampaignError {
            // There are no rows yet.
        }
        for locksRuns in [false, true] {
            _ = try await TriggerRepository(pool: pool, announces: false).fire(
                requests,
                of: .campaign(module),
                tenant: "acme",
                now: Date(),
                locksRuns: locksRuns
            )
        }
    }

    func feed(_ run: UUID) async throws {
        let chunks = ChunkRepository(pool: pool)
        if let claim = try await chunks.claim(run: run, limit: 1) { try await chunks.finish(claim) }
        if let claim = try await chunks.claim(run: run, limit: 1) { try await chunks.abandon(claim) }
    }

    func send(_ ids: [UUID]) async throws {
        let messages = MessageRepository(pool: pool)
        _ = try await messages.begin([SendClaim(Array(ids.prefix(3)), lease: 1, windowNumber: "1")])
        _ = try await messages.begin(Array(ids[3..<6]), lease: 1)
        _ = try await messages.begin([SendClaim([ids[7]], lease: 1, hasContactClocks: true)])
        for consequence in [MessageOutcome.Consequence.optOut, .counted, .userCap] {
            let outcomes = [
                MessageOutcome(messageID: ids[0], lease: 1, result: .sent(waMessageID: "wamid.\(ids[0])")),
                MessageOutcome(
                    messageID: ids[consequence == .optOut ? 1 : 4],
                    lease: 1,
                    result: .failed(Self.failure(consequence))
                ),
            ]
            try await messages.takeConsent(of: outcomes)
            try await messages.record(outcomes)
        }
        try await messages.park([ids[6]: "unreadable"])
    }

    private static func failure(_ consequence: MessageOutcome.Consequence) -> MessageOutcome.Failure {
        MessageOutcome.Failure(code: "131026", message: "undeliverable", consequence: consequence)
    }

    func recover(_ ids: [UUID], run: UUID) async throws {
        let messages = MessageRepository(pool: pool)
        _ = try await messages.settle([
            ExpiredLease(messageID: ids[2], lease: 1, mayBeWritten: true),
            ExpiredLease(messageID: ids[3], lease: 1, mayBeWritten: false),
        ])
        _ = try await messages.poisoned(among: ids)
        _ = try await messages.retryUnconfirmed(after: .zero)
        _ = try await messages.feedCapped()
        _ = try await messages.feedQuiet()
        _ = try await BacklogRepository(pool: pool).dueFor(ids, deadline: .seconds(30))
        _ = try await RunRepository(pool: pool).waitForQuota(Array(ids.suffix(2)), for: .seconds(3_600))
    }

    func forward() async throws {
        let forwards = ForwardRepository(pool: pool)
        try await forwards.store([ForwardedWebhook(tenantID: "acme", signature: "sha256=1", body: Data([1]))])
        _ = try await forwards.claim(limit: 16, lease: .seconds(45))
        for webhook in try await forwards.waiting(of: "acme", limit: 64, bytes: 1 << 20) {
            try await forwards.putOff([webhook.id])
            try await forwards.remove([webhook.id])
        }
    }

    func report(_ ids: [UUID]) async throws {
        let messages = MessageRepository(pool: pool)
        let statuses = [
            DeliveryStatus(waMessageID: "wamid.\(ids[0])", messageID: nil, rank: .delivered, at: Date(), failure: nil),
            DeliveryStatus(waMessageID: "wamid.x", messageID: ids[0], rank: .read, at: Date(), failure: nil),
            DeliveryStatus(waMessageID: "wamid.\(UUID())", messageID: nil, rank: .sent, at: Date(), failure: nil),
        ]
        try await messages.park(try await messages.apply(statuses))
        for consequence in [MessageOutcome.Consequence.optOut, .counted, .userCap] {
            _ = try await messages.report([
                DeliveryStatus(
                    waMessageID: "wamid.\(ids[0])",
                    messageID: nil,
                    rank: .failed,
                    at: Date(),
                    failure: Self.failure(consequence)
                )
            ])
        }
        _ = try await messages.applyParked()
        var inbound = InboundReport()
        let person = InboundReport.Person(
            Fixture.phone(2),
            userIDs: ["KE.\(ids[0])"],
            repliesTo: "wamid.\(ids[0])"
        )
        inbound.messages = [
            InboundReport.Message(id: "\(UUID())", phoneNumberID: "1", person: person, at: Date(), texts: ["STOP"])
        ]
        inbound.moves = [InboundReport.Move(phoneNumberID: "1", person: person, number: "254711000001", at: Date())]
        let learned = [
            LearnedIDs(messageID: ids[1], waMessageID: "wamid.y", waID: "254722000001", userIDs: ["KE.\(ids[1])"]),
            LearnedIDs(messageID: nil, waMessageID: "wamid.\(ids[0])", waID: nil, userIDs: ["KE.9\(ids[0])"]),
        ]
        try await ContactIDRepository(pool: pool).learn(learned.compactMap(\.self))
        try await InboundRepository(pool: pool).apply(inbound)
        _ = try await ConsentRepository(pool: pool).suppressMissed(within: .zero)
        inbound = InboundReport()
        inbound.preferences = [
            InboundReport.Preference(phoneNumberID: "1", from: Fixture.phone(3), isOptedIn: false, at: Date())
        ]
        try await InboundRepository(pool: pool).apply(inbound)
    }

    /// Deletes old messages of standing runs.
    ///
    /// Runs with old messages are looked for every ten minutes only.
    func retain() async throws {
        let retention = RetentionRepository(pool: pool, size: 10)
        let order = RetentionRepository.Order(tenantID: "acme", kind: .messages, before: Date())
        for run in try await RunRepository(pool: pool).running() where run.isTriggered {
            _ = try await retention.deleteMessages(of: run.id, order)
        }
    }

    func look(campaign: UUID, run: UUID) async throws {
        let runs = RunRepository(pool: pool)
        _ = try await runs.running()
        if try await runs.find(run) != nil { _ = try await LaunchRepository(pool: pool).writeBatch(of: run) }
        _ = try await runs.completeFinished(unconfirmedTimeout: .seconds(900))
        _ = try await runs.resumeWhereQuotaReturned()
        _ = try await runs.cancelRest()
        _ = try await runs.pauseGuarded()
        _ = try await LaneRepository(pool: pool).open()
        _ = try await LaneRepository(pool: pool).idle()
        _ = try await LaunchRepository(pool: pool).unfinished()
        _ = try await ScheduleRepository(pool: pool).untilNext()
        _ = try await ScheduleRepository(pool: pool).fireNext()
        _ = try await ScheduleRepository(pool: pool).startNext()
        _ = try await AnalyticsRepository(pool: pool).totals(campaign: campaign, tenant: "acme")
        _ = try await BacklogRepository(pool: pool).tenants(deadline: .seconds(30))
        _ = try await DaemonRepository(pool: pool).census(by: DaemonNumber())
    }
}
