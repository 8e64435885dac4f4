import Foundation
import JSON
import Postgres
import ServiceLifecycle
import Settings
import Store
import Synchronization
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Runtime

/// Messages with files beside the specs: each number uploads a file once, and sends it by its id.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct MediaDeliveryTests {
    private static let digest = String(repeating: "ab", count: 32)

    /// Passes uploads on, and never returns from the first ones.
    private final class StuckUploader: MediaChannel {
        private let channel: any MediaChannel
        private let uploads = Mutex(0)

        init(_ channel: any MediaChannel) { self.channel = channel }

        var count: Int { uploads.withLock { $0 } }

        func upload(_ upload: MediaUpload) async -> UploadAnswer {
            let answer = await channel.upload(upload)
            uploads.withLock { $0 += 1 }
            // Until the daemon is killed.
            try? await Task.sleep(for: .seconds(3_600))
            return answer
        }
    }

    /// Answers the first uploads with something else, and passes the others on.
    private final class UnwillingUploader: MediaChannel {
        private let channel: any MediaChannel
        private let answers: Mutex<[UploadAnswer]>

        /// Makes an uploader that gives some answers, the last one first.
        init(_ channel: any MediaChannel, _ answers: [UploadAnswer]) {
            self.channel = channel
            self.answers = Mutex(answers)
        }

        var rest: Int { answers.withLock(\.count) }

        func upload(_ upload: MediaUpload) async -> UploadAnswer {
            if let answer = answers.withLock({ $0.popLast() }) { return answer }
            return await channel.upload(upload)
        }
    }

    private static func fixture(
        contacts: Int,
        rate: Int = 400,
        type: String = "image/png",
        faults: SimulatorFaults = .init(),
        _ body: (DeliveryFixture) async throws -> Void
    ) async throws {
        var rules = SimulatorRules()
        rules.checksMedia = true
        try await DeliveryFixture.with(contacts: contacts, rate: rate, faults: faults, rules: rules) { fixture in
            let image = #"{"type":"image","image":{"id":"{{media.\#(digest)}}"}}"#
            try await fixture.setMessage(
                #"{"type":"template","template":{"name":"hello","language":{"code":"en"},"#
                    + #""components":[{"type":"header","parameters":[\#(image)]}]}}"#
            )
            try await fixture.pool.execute(
                """
                INSERT INTO media ("tenantId", digest, type, bytes)
                VALUES (\(DeliveryFixture.tenant), \(digest), \(type), \(Array("an image".utf8)))
                """
            )
            try await body(fixture)
        }
    }

    private static func uploads(_ fixture: DeliveryFixture) -> [ManagementEntry] {
        fixture.simulator.managementCalls.filter { $0.operation == "media.upload" }
    }

    /// Stores an id that the number got some days ago, and that WhatsApp has forgotten.
    private static func setOldID(daysAgo days: Double, _ fixture: DeliveryFixture) async throws {
        try await fixture.pool.execute(
            """
            INSERT INTO media_uploads ("tenantId", digest, "phoneNumberId", "mediaId", "uploadedAt")
            VALUES (\(DeliveryFixture.tenant), \(digest), '1001', '4711', now() - \(days) * interval '1 day')
            """
        )
    }

    @Test(.timeLimit(.minutes(2)))
    func aFileIsUploadedOnceByTwoDaemons() async throws {
        try await Self.fixture(contacts: 80) { fixture in
            let client = MovingClient(address: DeliveryFixture.Address(fixture.api), timeout: .seconds(30))
            let recorder = RecordingClient(client)
            let run = try await fixture.launch()
            try await fixture.withDelivery(channel: recorder) {
                try await fixture.withDelivery(channel: recorder) { try await fixture.completes(run) }
            }
            await client.shutdown()
            #expect(Self.uploads(fixture).map(\.answer) == [.accepted])
            #expect(Self.uploads(fixture).first?.body.hasPrefix("image/png, 8 bytes") == true)
            let rows = try await fixture.pool.query(#"SELECT "mediaId" FROM media_uploads"#)
            let id = JSONValue.string(try rows[0].decode(0))
            #expect(rows.count == 1 && recorder.received.count == 80)
            #expect(
                recorder.received.allSatisfy {
                    $0["template"]?["components"]?[0]?["parameters"]?[0]?["image"] == ["id": id]
                }
            )
            try await fixture.expectDelivered(run, contacts: 80)
            let attempts = try await fixture.pool.query("SELECT max(attempts) FROM campaign_messages")
            #expect(try attempts[0].decode(0, as: Int.self) == 1, "waiting for an upload counts as no attempt")
        }
    }

    @Test(
        .timeLimit(.minutes(2)),
        arguments: [
            // Before WhatsApp forgets it, it is replaced; one that WhatsApp has forgotten already is replaced when it is refused.
            26.0, 20.0,
        ]
    )
    func anIDIsReplacedBeforeItExpiresOrWhenItIsRefused(days: Double) async throws {
        try await Self.fixture(contacts: 20) { fixture in
            try await Self.setOldID(daysAgo: days, fixture)
            let run = try await fixture.launch()
            try await fixture.withDelivery { try await fixture.completes(run) }
            #expect(Self.uploads(fixture).count == 1)
            let summary = fixture.simulator.summary()
            #expect(summary.accepted == 20 && summary.recipientsAcceptedMoreThanOnce == 0)
            #expect((summary.rejected == 0) == (days > 25))
            let attempts = try await fixture.pool.query("SELECT max(attempts) FROM campaign_messages")
            #expect(try attempts[0].decode(0, as: Int.self) == 1)
        }
    }

    /// The age of an id, the code of the failure, and whether the id is forgotten; negative if the file was uploaded after the
    /// message was sent.
    private static let lateFailures: [(days: Double, code: String, isForgotten: Bool)] = [
        (1, "131053", true), (0, "131053", false), (1, "131026", false), (-1, "131053", false),
    ]

    /// WhatsApp may accept a message and find later that it cannot use the file any more.
    @Test(.timeLimit(.minutes(1)), arguments: lateFailures)
    func anOldIDIsForgottenAfterALateFailure(days: Double, code: String, isForgotten: Bool) async throws {
        try await Self.fixture(contacts: 2) { fixture in
            try await Self.setOldID(daysAgo: max(days, 0), fixture)
            _ = try await fixture.launch()
            // One day later than the messages, if the file was uploaded again since.
            let sentAt = Date() - (days < 0 ? 86_400 : 0)
            try await fixture.pool.execute(
                """
                UPDATE campaign_messages
                SET status = 'sent', "waMessageId" = 'wamid.' || position, "sentAt" = \(sentAt)
                """
            )
            try await fixture.pool.execute("UPDATE campaign_runs SET sent = pending + queued, pending = 0, queued = 0")
            if days < 0 {
                try await fixture.pool.execute(#"UPDATE media_uploads SET "uploadedAt" = now() - interval '1 hour'"#)
            }
            let uploads = MediaUploads()
            let file = MediaRepository.Key(tenant: DeliveryFixture.tenant, digest: Self.digest)
            uploads.learn(MediaUploadRepository.Key(file: file, number: "1001"), id: "4711")
            let intake = StatusIntake(
                messages: MessageRepository(pool: fixture.pool),
                inbound: InboundRepository(pool: fixture.pool),
                contacts: ContactIDRepository(pool: fixture.pool),
                guards: RunGuards(runs: RunRepository(pool: fixture.pool), logger: TestDatabase.logger),
                media: (uploads, MediaUploadRepository(pool: fixture.pool)),
                failure: WhatsAppChannel.failure(code:message:),
                logger: TestDatabase.logger
            )
            let group = ServiceGroup(
                configuration: .init(services: [.init(service: intake)], logger: TestDatabase.logger)
            )
            try await withThrowingTaskGroup { tasks in
                tasks.addTask { try await group.run() }
                let failed = DeliveryStatus(
                    waMessageID: "wamid.1",
                    messageID: nil,
                    rank: .failed,
                    at: Date(),
                    failure: WhatsAppChannel.failure(code: code, message: "Media upload error")
                )
                try await intake.take(ChannelReports(statuses: [failed], inbound: InboundReport()))
                // WhatsApp repeats its webhooks.
                try await intake.take(ChannelReports(statuses: [failed], inbound: InboundReport()))
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
            let rows = try await fixture.pool.query(#"SELECT "mediaId" FROM media_uploads"#)
            #expect(try rows.map { try $0.decode(0, as: String?.self) } == [isForgotten ? nil : "4711"])
            let answer = uploads.ids(
                of: [Self.digest],
                tenant: DeliveryFixture.tenant,
                number: "1001",
                token: AccessToken(value: "token")
            )
            if isForgotten {
                guard case .waiting = answer else {
                    Issue.record("later messages wait for another upload: \(answer)")
                    return
                }
            } else {
                guard case .ready = answer else {
                    Issue.record("later messages go on with the id: \(answer)")
                    return
                }
            }
            #expect(try await fixture.statuses()[.failed] == 1)
        }
    }

    /// A new id that is refused is no forgotten one: the message fails, and the file is not uploaded for ever.
    @Test(.timeLimit(.minutes(2)))
    func aNewIDThatIsRefusedFailsTheMessage() async throws {
        try await Self.fixture(contacts: 3) { fixture in
            try await Self.setOldID(daysAgo: 0, fixture)
            let run = try await fixture.launch()
            try await fixture.withDelivery {
                try await eventually("all messages fail") { try await fixture.statuses()[.failed] == 3 }
            }
            #expect(Self.uploads(fixture).isEmpty)
            _ = run
        }
    }

    /// A daemon that dies between the upload and its row leaves a lease: the next one uploads once more, and nobody gets two
    /// messages.
    @Test(.timeLimit(.minutes(2)))
    func aDaemonMayDieBetweenTheUploadAndItsRow() async throws {
        try await Self.fixture(contacts: 30) { fixture in
            let run = try await fixture.launch()
            let channel = try await WhatsAppMedia(url: fixture.api)
            let stuck = StuckUploader(channel)
            try await fixture.withDelivery(media: stuck, ending: .killed) {
                try await eventually("the file is uploaded") { stuck.count == 1 }
            }
            await channel.shutdown()
            #expect(fixture.simulator.summary().accepted == 0)
            // Instead of waiting for minutes.
            #expect(
                try await fixture.pool.execute(
                    #"UPDATE media_uploads SET "leasedUntil" = now() - interval '1 second' WHERE "mediaId" IS NULL"#
                ) == 1
            )
            try await fixture.withDelivery { try await fixture.completes(run) }
            #expect(Self.uploads(fixture).count == 2)
            try await fixture.expectDelivered(run, contacts: 30)
        }
    }

    /// Messages that wait for their file take no slots of those that need none.
    @Test(.timeLimit(.minutes(3)))
    func messagesThatWaitForAFileStopNoOthers() async throws {
        try await Self.fixture(contacts: 100, rate: 20) { fixture in
            let channel = try await WhatsAppMedia(url: fixture.api)
            // Attempts have pauses of 5 s and more, so these last longer than the other run.
            let uploader = UnwillingUploader(channel, Array(repeating: .failed("HTTP 500"), count: 4))
            let run = try await fixture.launch()
            try await fixture.pool.execute(
                """
                INSERT INTO campaigns ("tenantId", name, type, "senderId", "messageTemplate", "audienceFilter")
                SELECT "tenantId", 'duo', type, "senderId",
                    '{"type":"template","template":{"name":"hello","language":{"code":"en"}}}'::jsonb, "audienceFilter"
                FROM campaigns
                """
            )
            let launcher = RunLauncher(
                launches: LaunchRepository(pool: fixture.pool),
                logger: TestDatabase.logger
            )
            guard case .opened(let other) = try await launcher.launch(campaign: "duo", tenant: DeliveryFixture.tenant)
            else {
                Issue.record("the other campaign is launched")
                return
            }
            try await fixture.withDelivery(media: uploader) {
                try await fixture.completes(other.id, within: .seconds(60))
                let waiting = try await fixture.run(run)
                #expect(waiting.counters[.pending] == 100 && waiting.counters[.queued] == 0, "\(waiting.counters)")
                #expect(uploader.rest > 0, "the other run was faster than the upload")
                try await fixture.completes(run)
            }
            await channel.shutdown()
            #expect(Self.uploads(fixture).map(\.answer) == [.accepted])
            #expect(fixture.simulator.summary().accepted == 200)
        }
    }

    /// The longer messages wait, the rarer they ask; what nobody asks for any more is uploaded no more.
    @Test func aWishGrowsRarerAndEnds() {
        let uploads = MediaUploads()
        let start = ContinuousClock.now
        func delay(after seconds: Int, tenant: String = "acme") -> Duration? {
            let answer = uploads.ids(
                of: [Self.digest],
                tenant: tenant,
                number: "1001",
                token: AccessToken(value: "token"),
                now: start + .seconds(seconds)
            )
            return if case .waiting(let delay) = answer { delay } else { nil }
        }
        #expect([0, 1, 5, 20, 100].map { delay(after: $0) } == [2, 2, 10, 40, 60].map { .seconds($0) })
        #expect(delay(after: 150, tenant: "other") == .seconds(2))
        #expect(uploads.wishes(now: start + .seconds(190)).count == 2)
        #expect(uploads.wishes(now: start + .seconds(191)).map(\.key.file.tenant) == ["other"])
        #expect(delay(after: 200) == .seconds(2), "a new wish")
        #expect([0, 5, 30, 500].map { MediaUploader.postponement(after: .seconds($0)) } == [5, 5, 30, 60])
    }

    /// A run waits for no file that was refused: only some of its recipients may need it.
    @Test func aRefusedFileKeepsNoRunWaiting() {
        let uploads = MediaUploads()
        let (refused, other) = (Self.digest, String(repeating: "cd", count: 32))
        func isAwaited(_ digests: Set<String>, after seconds: Int = 0) -> Bool {
            uploads.isAwaited(
                digests,
                tenant: "acme",
                number: "1001",
                token: AccessToken(value: "token"),
                now: .now + .seconds(seconds)
            )
        }
        #expect(isAwaited([refused]))
        let key = MediaUploadRepository.Key(file: MediaRepository.Key(tenant: "acme", digest: refused), number: "1001")
        uploads.learn(key, refusal: "131053")
        #expect(!isAwaited([refused]) && !isAwaited([refused], after: 60))
        #expect(isAwaited([refused, other]))
    }

    @Test(.timeLimit(.minutes(2)))
    func aPersonWhoResumesHasTheUploadTriedAtOnce() async throws {
        try await Self.fixture(contacts: 10) { fixture in
            let channel = try await WhatsAppMedia(url: fixture.api)
            let uploader = UnwillingUploader(channel, [.refused("131053: no image")])
            let run = try await fixture.launch()
            try await fixture.withDelivery(media: uploader) {
                try await eventually("the run pauses") { try await fixture.run(run).status == .paused }
                // Another message that has heard of the refusal already would pause the run once more.
                try await eventually("nothing is under way") { try await fixture.statuses()[.pending] == 10 }
                #expect(try await fixture.runs.resume(run, by: .command("jane")))
                try await fixture.completes(run, within: .seconds(60))
            }
            await channel.shutdown()
            let pauses = try await fixture.pool.query("SELECT count(*) FROM run_actions WHERE action = 'pause'")
            #expect(try pauses[0].decode(0, as: Int.self) == 1, "what was said before is not repeated")
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func aFileThatWhatsAppRefusesPausesTheRun() async throws {
        try await Self.fixture(contacts: 10, type: "image/gif") { fixture in
            try await fixture.pool.execute("UPDATE media SET path = 'acme/images/spring.gif'")
            let run = try await fixture.launch()
            try await fixture.withDelivery {
                try await eventually("the run pauses") { try await fixture.run(run).status == .paused }
            }
            let rows = try await fixture.pool.query(#"SELECT "statusReason" FROM campaign_runs"#)
            let reason = try rows[0].decode(0, as: String?.self) ?? ""
            let file = "`acme/images/spring.gif`, sha256:\(Self.digest) (image/gif)"
            #expect(reason.contains("refused the file \(file)"), "\(reason)")
            #expect(reason.contains("To send another file, cancel the run, apply, and send the campaign again"))
            #expect(fixture.simulator.summary().accepted == 0)
            #expect(try await fixture.statuses()[.failed] == nil)
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func aFileThatIsNotStoredPausesTheRun() async throws {
        try await Self.fixture(contacts: 4) { fixture in
            try await fixture.pool.execute("DELETE FROM media")
            let run = try await fixture.launch()
            try await fixture.withDelivery {
                try await eventually("the run pauses") { try await fixture.run(run).status == .paused }
            }
            let rows = try await fixture.pool.query(#"SELECT "statusReason" FROM campaign_runs"#)
            #expect(try rows[0].decode(0, as: String?.self)?.contains("is not stored") == true)
        }
    }
}
