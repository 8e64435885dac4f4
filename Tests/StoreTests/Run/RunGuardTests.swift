import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

/// Counting of failures that could concern all messages of a run.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct RunGuardTests {
    private struct Stage {
        let fixture: Fixture
        let run: UUID
        let messages: MessageRepository
        let runs: RunRepository
        let ids: [UUID]

        private func outcomes(_ range: Range<Int>, _ result: (Int) -> MessageOutcome.Result) -> [MessageOutcome] {
            range.map { MessageOutcome(messageID: ids[$0], lease: 1, result: result($0)) }
        }

        @discardableResult
        func fail(_ range: Range<Int>, code: String = "132000", isCounted: Bool = true) async throws -> [AlikeRefusals]
        {
            try await messages.record(
                outcomes(range) { _ in
                    .failed(
                        MessageOutcome.Failure(
                            code: code,
                            message: "no",
                            scope: isCounted ? .campaign : .recipient,
                            consequence: isCounted ? .counted : .none
                        )
                    )
                }
            )
        }

        func accept(_ range: Range<Int>) async throws {
            try await messages.record(outcomes(range) { .sent(waMessageID: "w\($0)") })
        }

        func report(
            _ range: Range<Int>,
            _ rank: DeliveryStatus.Rank,
            code: Int = 999_999,
            consequence: MessageOutcome.Consequence = .counted,
            at date: Date = Date()
        ) async throws -> StatusEffects {
            try await messages.report(
                range.map {
                    DeliveryStatus(
                        waMessageID: "w\($0)",
                        messageID: ids[$0],
                        rank: rank,
                        at: date,
                        failure: rank == .failed
                            ? .init(code: "\(code)", message: "no", scope: .unknown, consequence: consequence) : nil
                    )
                }
            )
        }
    }

    private func withStage(_ count: Int = 80, _ body: (Stage) async throws -> Void) async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: count)
            let stage = Stage(
                fixture: fixture,
                run: run,
                messages: MessageRepository(pool: fixture.pool),
                runs: RunRepository(pool: fixture.pool),
                ids: try await fixture.ids(of: run)
            )
            _ = try await stage.messages.begin(stage.ids, lease: 1)
            try await body(stage)
            let counters = try await fixture.counters(of: run)
            #expect(counters.counted == counters.rows)
        }
    }

    @Test func tenAtFirstPauseTheRun() async throws {
        try await withStage { (stage) async throws in
            #expect(try await stage.fail(0..<9).isEmpty)
            // Repeating a write counts nothing twice.
            #expect(try await stage.fail(0..<9).isEmpty)
            let alike = try await stage.fail(9..<11)
            #expect(alike.map(\.count) == [11] && alike.first?.code == "132000")
            let pause = try #require(try await stage.runs.pause(alike[0]))
            #expect(
                pause.reason == "alike guard: 11 refusals in a row with code 132000 (no), nothing accepted since; "
                    + "mend the cause and resume, or go on without the guards: campaignd resume acme/promo --ignore-guard"
            )
            let record = try await stage.runs.find(stage.run)
            #expect(record?.status == .paused && record?.statusReason == pause.reason)
            #expect(try await stage.runs.pause(alike[0]) == nil, "it is paused already")
        }
    }

    @Test func twentyInARowPauseARunThatHadAcceptedMessages() async throws {
        try await withStage { (stage) async throws in
            try await stage.accept(0..<1)
            #expect(try await stage.fail(1..<20).isEmpty)
            try await stage.accept(20..<21)
            #expect(try await stage.fail(21..<40).isEmpty, "the accepted message ended the row")
            #expect(try await stage.fail(40..<41).map(\.count) == [20])
        }
    }

    @Test func anotherCodeEndsTheRow() async throws {
        try await withStage { (stage) async throws in
            try await stage.fail(0..<9)
            #expect(try await stage.fail(9..<18, code: "132012").isEmpty)
            #expect(try await stage.fail(18..<19).isEmpty)
        }
    }

    @Test func failuresOfRecipientsCountNothing() async throws {
        try await withStage { (stage) async throws in
            #expect(try await stage.fail(0..<40, code: "131026", isCounted: false).isEmpty)
            #expect(try await stage.runs.pauseGuarded().isEmpty)
        }
    }

    @Test func aRunWhoseDaemonDiedAfterItCountedIsPausedByAnother() async throws {
        try await withStage { (stage) async throws in
            try await stage.fail(0..<10)
            let pauses = try await stage.runs.pauseGuarded()
            #expect(pauses.map(\.run) == [stage.run] && pauses.first?.guarding == .alike)
            #expect(try await stage.runs.pauseGuarded().isEmpty)
        }
    }

    @Test func resumingCountsAnewOrNotAtAll() async throws {
        try await withStage { (stage) async throws in
            _ = try await stage.runs.pause(try await stage.fail(0..<10)[0])
            #expect(try await stage.runs.resume(stage.run))
            #expect(try await stage.fail(10..<19).isEmpty)
            _ = try await stage.runs.pause(try #require(try await stage.fail(19..<20).first))
            #expect(try await stage.runs.resume(stage.run, ignoringGuards: true))
            #expect(try await stage.fail(20..<60).isEmpty)
            #expect(try await stage.runs.pauseGuarded().isEmpty)
        }
    }

    @Test func reportsOfFailureCountWhileNothingIsDelivered() async throws {
        try await withStage { (stage) async throws in
            try await stage.accept(0..<80)
            #expect(try await stage.report(0..<9, .failed).alike.isEmpty)
            let alike = try await stage.report(9..<10, .failed).alike
            #expect(alike.map(\.count) == [10] && alike.first?.isReported == true)
            _ = try await stage.report(10..<11, .delivered)
            #expect(try await stage.report(11..<20, .failed).alike.isEmpty)
            #expect(try await stage.runs.pauseGuarded().isEmpty)
        }
    }

    @Test func reportsFromBeforeTheResumptionPauseNothing() async throws {
        try await withStage { (stage) async throws in
            try await stage.accept(0..<40)
            let stops = try await stage.report(0..<3, .failed, consequence: .pausesRun).stops
            #expect(stops.count == 1)
            #expect(try await stage.runs.pause(stops[0], reason: "payment"))
            #expect(try await stage.runs.resume(stage.run))
            let before = Date(timeIntervalSinceNow: -5)
            let late = try await stage.report(3..<4, .failed, consequence: .pausesRun, at: before).stops
            #expect(try await stage.runs.pause(try #require(late.first), reason: "payment") == false)
            #expect(try await stage.report(4..<20, .failed, at: before).alike.isEmpty)
            let fresh = try await stage.report(20..<21, .failed, consequence: .pausesRun, at: Date() + 1).stops
            #expect(try await stage.runs.pause(try #require(fresh.first), reason: "payment"))
        }
    }

    @Test func aShareOfFailuresAboveThePolicyPausesTheRun() async throws {
        try await withStage(300) { (stage) async throws in
            let pool = stage.fixture.pool
            try await stage.accept(0..<149)
            try await stage.fail(149..<199, code: "131026", isCounted: false)
            try await pool.execute(
                #"INSERT INTO tenants ("tenantId", name, policy) VALUES ('acme', 'acme', '{"maxFailurePercent": 25}')"#
            )
            #expect(try await stage.runs.pauseGuarded().isEmpty, "199 messages are too few")
            try await stage.fail(199..<201, code: "131026", isCounted: false)
            let pause = try #require(try await stage.runs.pauseGuarded().first)
            #expect(pause.guarding == .share)
            #expect(
                pause.reason.hasPrefix(
                    "failure share guard: 52 of 201 messages failed, more than the 25 % of `policy.maxFailurePercent`, "
                        + "most of them with code 131026 (no); mend"
                ),
                "\(pause.reason)"
            )
            #expect(pause.reason.hasSuffix("campaignd resume acme/promo --ignore-guard"))
            // From now on only what comes after the resumption counts.
            #expect(try await stage.runs.resume(stage.run))
            try await stage.fail(201..<300, code: "131026", isCounted: false)
            #expect(try await stage.runs.pauseGuarded().isEmpty)
        }
    }

    @Test func theShareOfAStandingRunIsThatOfADay() async throws {
        try await withStage(300) { (stage) async throws in
            let pool = stage.fixture.pool
            try await pool.execute(
                #"INSERT INTO tenants ("tenantId", name, policy) VALUES ('acme', 'acme', '{"maxFailurePercent": 25}')"#
            )
            try await pool.execute("UPDATE campaign_runs SET \"isTriggered\" = true")
            try await stage.accept(0..<30)
            #expect(try await stage.runs.pauseGuarded().isEmpty)
            #expect(try await stage.fixture.value("SELECT settled FROM run_hours", as: Int.self) == 30)
            // The failures of the day before count no more.
            try await stage.fail(30..<90, code: "131026", isCounted: false)
            try await pool.execute(
                """
                INSERT INTO run_hours ("runId", hour, "tenantId", settled, failed)
                VALUES (\(stage.run), date_trunc('hour', now()) - interval '25 hours', 'acme', 90, 60)
                """
            )
            try await stage.accept(90..<240)
            try await stage.fail(240..<290, code: "131026", isCounted: false)
            #expect(try await stage.runs.pauseGuarded().isEmpty, "200 settled, 50 failed")
            try await stage.fail(290..<291, code: "131026", isCounted: false)
            #expect(try await stage.runs.pauseGuarded().first?.reason.contains("51 of 201 messages") == true)
        }
    }

    @Test func refusalsOfAStandingRunCountForADay() async throws {
        try await withStage { (stage) async throws in
            let pool = stage.fixture.pool
            try await pool.execute("UPDATE campaign_runs SET \"isTriggered\" = true")
            try await stage.fail(0..<9)
            try await pool.execute("UPDATE run_refusals SET \"startedAt\" = now() - interval '25 hours'")
            #expect(try await stage.fail(9..<18).isEmpty)
            #expect(try await stage.fail(18..<19).map(\.count) == [10])
        }
    }

    @Test func heldMessagesAreCountedUntilTheyAreReleased() async throws {
        try await withStage(4) { (stage) async throws in
            try await stage.messages.record(
                stage.ids.prefix(3).map {
                    MessageOutcome(
                        messageID: $0,
                        lease: 1,
                        result: .sent(waMessageID: "w-\($0)"),
                        messageStatus: "held_for_quality_assessment"
                    )
                }
            )
            try await stage.accept(3..<4)
            #expect(try await stage.runs.find(stage.run)?.held == 3)
            _ = try await stage.report(0..<1, .delivered)
            _ = try await stage.report(0..<1, .delivered)
            _ = try await stage.report(1..<2, .failed)
            _ = try await stage.report(3..<4, .delivered)
            #expect(try await stage.runs.find(stage.run)?.held == 1)
            let kept = try await stage.fixture.column(
                "SELECT coalesce(\"messageStatus\", '-') FROM campaign_messages ORDER BY id",
                as: String.self
            )
            #expect(kept == Array(repeating: "held_for_quality_assessment", count: 3) + ["-"])
        }
    }

    @Test func aRefusalByTheContactTakesConsent() async throws {
        try await withStage(3) { (stage) async throws in
            let outcome = MessageOutcome(
                messageID: stage.ids[0],
                lease: 1,
                result: .failed(.init(code: "131050", message: "", scope: .recipient, consequence: .optOut))
            )
            try await stage.messages.takeConsent(of: [outcome])
            try await stage.accept(1..<3)
            _ = try await stage.report(1..<2, .failed, code: 131_050, consequence: .optOut)
            // A later consent counts, an earlier one does not.
            try await stage.fixture.pool.execute(
                """
                UPDATE contacts SET "optedInAt" = now() - interval '1 hour' WHERE id =
                    (SELECT "contactId" FROM campaign_messages WHERE id = \(stage.ids[2]))
                """
            )
            let before = Date().addingTimeInterval(-7_200)
            _ = try await stage.report(2..<3, .failed, code: 131_050, consequence: .optOut, at: before)
            let consents = try await stage.fixture.column(
                """
                SELECT coalesce(c."suppressedLevel", '-') || c."optedIn" FROM campaign_messages m
                JOIN contacts c ON c.id = m."contactId" ORDER BY m.id
                """,
                as: String.self
            )
            #expect(consents == ["marketingtrue", "marketingtrue", "-true"])
        }
    }
}
