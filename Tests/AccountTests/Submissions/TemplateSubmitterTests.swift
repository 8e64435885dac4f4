import Foundation
import JSON
import Postgres
import Settings
import Spec
import Store
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Account

/// Templates are submitted, edited and deleted as wished, each at most once.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct TemplateSubmitterTests {
    @Test func aWishIsCreatedAndKept() async throws {
        try await SubmissionStage.with { stage in
            try await stage.want(.create, "hello")
            try await stage.submit()
            let record = try await stage.record("hello")
            #expect(record.status == .done && record.attempts == 1 && record.error == nil)
            #expect(record.category == "utility" && record.sentAt != nil && record.settledAt != nil)
            #expect(stage.calls("templates.create").count == 1)
            try await stage.pass()
            try await stage.submit()
            #expect(stage.tries("templates.create") == 1)
            // The account is read anew, so that the next plan knows it.
            let due = try await stage.pool.query("SELECT \"wantedAt\" IS NOT NULL FROM account_sweeps")
            #expect(try due[0].decode(0))
        }
    }

    @Test func whatWhatsAppHasAlreadyIsNotSent() async throws {
        try await SubmissionStage.with { stage in
            try await stage.create(SubmissionStage.request("same"))
            try await stage.create(SubmissionStage.request("other", body: "Something else for all of you."))
            try await stage.want(.create, "same")
            try await stage.want(.create, "other")
            try await stage.submit()
            #expect(try await stage.record("same").status == .done)
            let other = try await stage.record("other")
            #expect(other.status == .failed && other.attempts == 0)
            #expect(
                other.error?.contains(
                    "body is \"Something else for all of you.\" at WhatsApp, and \"Hello there, all of you.\" here"
                ) == true
            )
            #expect(stage.tries("templates.create") == 2)
        }
    }

    /// The name filter of WhatsApp finds names by a part of them.
    @Test func namesakesAreNotTakenForIt() async throws {
        try await SubmissionStage.with { stage in
            try stage.change { $0.createsPerHour = 1_000 }
            for number in 0..<130 { try await stage.create(SubmissionStage.request("hello_\(number)")) }
            try await stage.want(.create, "hello")
            try await stage.submit()
            #expect(try await stage.record("hello").status == .done)
            #expect(stage.calls("templates.create", "\"hello\"").count == 1)
        }
    }

    @Test(arguments: [ManagementFault.Mode.lose, .page])
    func aLostAnswerIsSettledByReading(mode: ManagementFault.Mode) async throws {
        try await SubmissionStage.with { stage in
            try stage.fault(ManagementFault(operation: "templates.create", mode: mode, times: 1))
            try await stage.want(.create, "hello")
            try await stage.submit()
            let lost = try await stage.record("hello")
            #expect(lost.status == .unsettled && lost.error != nil)
            try await stage.pass()
            try await stage.submit()
            #expect(try await stage.record("hello").status == .done)
            #expect(stage.tries("templates.create") == 1 && stage.calls("templates.create").count == 1)
        }
    }

    @Test func whatDidNotArriveIsSentAgainAfterAMinuteAndFiveTimesInAll() async throws {
        try await SubmissionStage.with { stage in
            try stage.fault(ManagementFault(operation: "templates.create", mode: .drop, times: 2))
            try await stage.want(.create, "hello")
            try await stage.submit()
            #expect(try await stage.record("hello").status == .unsettled)
            // Too early: it may show yet.
            try await stage.pool.execute("UPDATE template_submissions SET \"dueAt\" = now()")
            try await stage.submit()
            #expect(try await stage.record("hello").status == .unsettled && stage.tries("templates.create") == 1)
            for _ in 0..<2 {
                try await stage.pass()
                try await stage.submit()
            }
            let done = try await stage.record("hello")
            #expect(done.status == .done && done.attempts == 3)
            #expect(stage.calls("templates.create", "\"hello\"").filter { $0.answer == .accepted }.count == 1)

            try stage.fault(ManagementFault(operation: "templates.create", mode: .drop))
            try await stage.want(.create, "never")
            for _ in 0..<8 {
                try await stage.submit()
                try await stage.pass()
            }
            let failed = try await stage.record("never")
            #expect(failed.status == .failed && failed.attempts == 5)
            #expect(failed.error?.contains("5 requests brought no answer") == true)
        }
    }

    @Test func aRefusalIsKeptInWhatsAppsWords() async throws {
        try await SubmissionStage.with { stage in
            try await stage.want(.create, "wrong", SubmissionStage.request("wrong", body: "{{1}} comes first"))
            try await stage.submit()
            let failed = try await stage.record("wrong")
            #expect(failed.status == .failed && failed.error?.isEmpty == false)
            let codes = try await stage.pool.query("SELECT \"errorCode\" FROM template_submissions")
            #expect(try codes[0].decode(0, as: Int?.self) == 100)
            let count = stage.tries("templates.create")
            try await stage.pass()
            try await stage.submit()
            #expect(stage.tries("templates.create") == count)

            let again = try await SubmissionRepository(pool: stage.pool)
                .submitAgain("wrong", tenant: SubmissionStage.tenant)
            #expect(again.map(\.status) == [.wanted])
            try await stage.submit()
            #expect(try await stage.record("wrong").status == .failed)
            #expect(stage.tries("templates.create") == count + 1)
            let none = try await SubmissionRepository(pool: stage.pool).submitAgain(
                "hello",
                tenant: SubmissionStage.tenant
            )
            #expect(none.isEmpty)
        }
    }

    /// What the reviews came to is read, and told once, however often it is read.
    @Test func tenantsAreToldOfReviewsAndFailuresOnce() async throws {
        try await SubmissionStage.with { stage in
            try await stage.pool.execute(
                """
                INSERT INTO tenants ("tenantId", name, notify)
                VALUES (\(SubmissionStage.tenant), 'acme', '{"url":"env:HOOK","secret":"env:SECRET","on":["template"]}')
                """
            )
            for name in ["hello", "reject_it"] { try await stage.want(.create, name) }
            try await stage.want(.create, "wrong", SubmissionStage.request("wrong", body: "{{1}} comes first"))
            let sweep = AccountSweep(
                pool: stage.pool,
                client: stage.client,
                tokens: TokenResolver(environment: ["TOKEN": "token"]),
                logger: TestDatabase.logger
            )
            for _ in 0..<2 {
                try await stage.submit()
                try await stage.pool.execute("UPDATE account_sweeps SET \"dueAt\" = now(), \"notBefore\" = NULL")
                while try await sweep.readDue() > 0 {}
                try await stage.submit()
                let rows = try await stage.pool.query("SELECT event ->> 'why' FROM notifications ORDER BY 1")
                let told = try rows.map { try $0.decode(0, as: String.self) }
                #expect(told.count == 3)
                let beginnings = [
                    "WhatsApp did not take template `wrong` (en) (create): ",
                    "WhatsApp has approved template `hello` (en)",
                    "WhatsApp says of template `reject_it` (en): REJECTED",
                ]
                #expect(zip(told, beginnings).allSatisfy { $0.hasPrefix($1) }, "\(told)")
            }
        }
    }

    @Test func errorsThatPassAreTriedAgainAndLimitsWaitWithoutAnAttempt() async throws {
        try await SubmissionStage.with { stage in
            try stage.fault(ManagementFault(operation: "templates.create", mode: .refuse, times: 1))
            try await stage.want(.create, "hello")
            try await stage.submit()
            let waiting = try await stage.record("hello")
            #expect(waiting.status == .wanted && waiting.attempts == 1 && waiting.dueAt > Date())
            var limit = ManagementFault(operation: "templates.create", mode: .refuse, times: 1)
            limit.code = 80_007
            try stage.fault(limit)
            try await stage.pass()
            try await stage.submit()
            let limited = try await stage.record("hello")
            #expect(limited.status == .wanted && limited.attempts == 1)
            #expect(limited.dueAt > Date().addingTimeInterval(240))
            try await stage.pass()
            try await stage.submit()
            #expect(try await stage.record("hello").status == .done)
        }
    }

    @Test func aTokenThatIsMissingOrRefusedWaits() async throws {
        try await SubmissionStage.with { stage in
            try await stage.want(.create, "hello")
            try await stage.submit(stage.submitter(token: nil))
            let missing = try await stage.record("hello")
            #expect(missing.status == .wanted && missing.error?.contains("TOKEN") == true)
            try await stage.pass()
            try await stage.submit(stage.submitter(token: "stolen"))
            let refused = try await stage.record("hello")
            #expect(refused.status == .wanted && refused.attempts == 0)
            #expect(refused.error?.contains("whatsapp_business_management") == true)
            #expect(refused.error?.contains("stolen") == false)
            try await stage.pass()
            try await stage.submit()
            #expect(try await stage.record("hello").status == .done)
        }
    }

    @Test func anApprovedTemplateIsEditedOnceInADay() async throws {
        try await SubmissionStage.with { stage in
            try await stage.want(.create, "hello")
            try await stage.submit()
            #expect(try await stage.template("hello")?.status == "APPROVED")
            try await stage.want(.edit, "hello", SubmissionStage.request("hello", body: "Good day to all of you."))
            try await stage.submit()
            let edited = try await stage.record("hello")
            #expect(edited.status == .done && edited.countsAsEdit)
            #expect(try await stage.template("hello")?.components?[0]?["text"] == "Good day to all of you.")
            try await stage.want(.edit, "hello", SubmissionStage.request("hello", body: "Good night to all of you."))
            try await stage.submit()
            let waiting = try await stage.record("hello")
            #expect(waiting.status == .wanted && waiting.attempts == 0)
            #expect(waiting.error?.contains("it was edited in the last 24 hours") == true)
            let wait = waiting.dueAt.timeIntervalSinceNow
            #expect(wait > 86_000 && wait < 86_500, "\(wait)")
            #expect(stage.calls("templates.edit").count == 1)
            // A day later.
            try await stage.pool.execute(
                "UPDATE template_submissions SET \"sentAt\" = \"sentAt\" - interval '25 hours'"
            )
            stage.simulator.advanceClock(by: .seconds(25 * 3_600))
            try await stage.pass()
            try await stage.submit()
            #expect(try await stage.record("hello").status == .done && stage.calls("templates.edit").count == 2)
        }
    }

    /// An edit replaces all parts, and would take away those that this version does not know.
    @Test func aTemplateWithUnknownPartsIsNotOverwritten() async throws {
        try await SubmissionStage.with { stage in
            let parts: JSONValue = [
                ["type": "BODY", "text": "Hello there, all of you."],
                ["type": "BUTTONS", "buttons": [["type": "REMINDER", "text": "Later"]]],
            ]
            try await stage.create(SubmissionStage.request("strange", more: ["components": parts]))
            try await stage.want(.create, "strange")
            try await stage.submit()
            #expect(try await stage.record("strange").status == .done)
            for action in [SubmissionWish.Action.edit, .create] {
                try await stage.want(action, "strange", SubmissionStage.request("strange", body: "Good day to you."))
                try await stage.submit()
                let record = try await stage.record("strange")
                #expect(record.status == .failed && record.attempts == 0)
                #expect(record.error?.contains("cannot describe (buttons[0] (REMINDER)), and is not edited") == true)
            }
            #expect(stage.tries("templates.edit") == 0 && stage.tries("templates.create") == 1)
        }
    }

    @Test func aRejectedTemplateIsEditedAtOnceAndOneInReviewWaits() async throws {
        try await SubmissionStage.with { stage in
            try await stage.want(.create, "reject_me")
            try await stage.submit()
            for text in ["Good day to all of you.", "Good night to all of you."] {
                #expect(try await stage.template("reject_me")?.status == "REJECTED")
                try await stage.want(.edit, "reject_me", SubmissionStage.request("reject_me", body: text))
                try await stage.submit()
                let edited = try await stage.record("reject_me")
                #expect(edited.status == .done && !edited.countsAsEdit)
            }
            try stage.change { $0.reviewSeconds = 3_600 }
            try await stage.want(.create, "slow")
            try await stage.submit()
            try await stage.want(.edit, "slow", SubmissionStage.request("slow", body: "Good day to all of you."))
            try await stage.submit()
            let waiting = try await stage.record("slow")
            #expect(waiting.status == .wanted && waiting.error == "WhatsApp reviews the template")
            stage.simulator.advanceClock(by: .seconds(3_700))
            try await stage.pass()
            try await stage.submit()
            #expect(try await stage.record("slow").status == .done)
        }
    }

    @Test(arguments: [ManagementFault.Mode.lose, .drop])
    func anEditWithoutAnAnswerIsSettledByReading(mode: ManagementFault.Mode) async throws {
        try await SubmissionStage.with { stage in
            try await stage.want(.create, "hello")
            try await stage.submit()
            try stage.fault(ManagementFault(operation: "templates.edit", mode: mode, times: 1))
            try await stage.want(.edit, "hello", SubmissionStage.request("hello", body: "Good day to all of you."))
            for _ in 0..<3 {
                try await stage.submit()
                try await stage.pass()
            }
            let record = try await stage.record("hello")
            #expect(record.status == .done && record.attempts == (mode == .lose ? 1 : 2))
            #expect(stage.calls("templates.edit").count == 1)
        }
    }

    @Test func theCategoryOfTheAnswerIsKept() async throws {
        let change = { (settings: inout ManagementSettings) in
            var decision = ManagementSettings.Decision()
            (decision.category, decision.isAtCreation) = ("MARKETING", true)
            settings.decisions = [decision]
        }
        try await SubmissionStage.with(change) { stage in
            try await stage.want(.create, "hello")
            try await stage.submit()
            let record = try await stage.record("hello")
            #expect(record.status == .done && record.category == "marketing")
        }
    }

    @Test func templatesAreDeletedByLanguageOrAll() async throws {
        try await SubmissionStage.with { stage in
            for language in ["en", "fr"] {
                try await stage.create(SubmissionStage.request("hello", more: ["language": .string(language)]))
            }
            try await stage.want(.delete, "hello", language: "fr")
            try stage.fault(ManagementFault(operation: "templates.delete", mode: .lose, times: 1))
            try await stage.submit()
            try await stage.pass()
            try await stage.submit()
            #expect(try await stage.record("hello").status == .done)
            #expect(try await stage.template("hello")?.language == "en")
            try await stage.want(.delete, "hello", language: nil)
            try await stage.submit()
            #expect(try await stage.template("hello") == nil)
            #expect(stage.calls("templates.delete").count == 2)
        }
    }

    @Test func aLaterWishSupersedesOneThatWaitsAndFollowsOneUnderWay() async throws {
        try await SubmissionStage.with { stage in
            try await stage.want(.create, "hello")
            try await stage.want(.create, "hello", SubmissionStage.request("hello", body: "Good day to all of you."))
            try await stage.submit()
            #expect(try await stage.template("hello")?.components?[0]?["text"] == "Good day to all of you.")
            #expect(stage.calls("templates.create").count == 1)

            try stage.fault(ManagementFault(operation: "templates.create", mode: .lose, times: 1))
            try await stage.want(.create, "second")
            try await stage.submit()
            #expect(try await stage.record("second").status == .unsettled)
            try await stage.want(.edit, "second", SubmissionStage.request("second", body: "Good day to all of you."))
            #expect(try await stage.submitter().submitDue() == 0)
            for _ in 0..<2 {
                try await stage.pass()
                try await stage.submit()
            }
            let records = try await SubmissionRepository(pool: stage.pool).recent(tenant: SubmissionStage.tenant)
                .filter { $0.wish.name == "second" }
            #expect(records.map(\.status) == [.done, .done])
            #expect(try await stage.template("second")?.components?[0]?["text"] == "Good day to all of you.")
        }
    }

    @Test func aTemplateWithAFileNeedsAnUploader() async throws {
        struct Uploader: SampleHandles {
            func handle(
                for sample: TemplateSubmission.Sample,
                of claim: SubmissionClaim,
                token: AccessToken
            ) async throws -> String {
                throw SampleError("\(sample.key) of \(claim.record.wish.name) is no picture")
            }
        }
        try await SubmissionStage.with { stage in
            let header: JSONValue = ["type": "HEADER", "format": "IMAGE"]
            let request = SubmissionStage.request(
                "picture",
                more: [
                    "components": [header, ["type": "BODY", "text": "Hello there, all of you."]],
                    "samples": ["header": ["format": "image", "link": "https://acme.example/a.jpg"]],
                ]
            )
            try await stage.want(.create, "picture", request)
            try await stage.submit()
            #expect(
                try await stage.record("picture").error
                    == "the template needs a file for `header`, and this version uploads none"
            )
            _ = try await SubmissionRepository(pool: stage.pool).submitAgain("picture", tenant: SubmissionStage.tenant)
            try await stage.submit(stage.submitter(samples: Uploader()))
            #expect(try await stage.record("picture").error == "header of picture is no picture")
            #expect(stage.tries("templates.create") == 0)
        }
    }

    /// A file that an apply stored is uploaded through the app, and its handle is the example of the header.
    @Test func aFileIsUploadedRightBeforeItsTemplate() async throws {
        try await SubmissionStage.with { stage in
            let bytes: [UInt8] = [0xFF, 0xD8, 0xFF, 0xE0] + Array(repeating: 7, count: 40_000)
            let digest = String(repeating: "ab", count: 32)
            try await stage.pool.execute(
                """
                INSERT INTO media ("tenantId", digest, type, bytes)
                VALUES (\(SubmissionStage.tenant), \(digest), 'image/jpeg', \(bytes))
                """
            )
            let body: JSONValue = ["type": "BODY", "text": "Hello there, all of you."]
            let request = SubmissionStage.request(
                "picture",
                more: [
                    "components": [["type": "HEADER", "format": "IMAGE"], body],
                    "samples": [
                        "header": [
                            "format": "image", "link": .string("sha256:\(digest) (image/jpeg, 40,004 bytes, 12x8)"),
                        ]
                    ],
                ]
            )
            let samples = SampleUploads(pool: stage.pool, client: stage.client)
            try await stage.want(.create, "picture", request)
            try await stage.submit(stage.submitter(samples: samples))
            let without = try await stage.record("picture")
            #expect(without.status == .failed && without.error?.contains("give account `main` its `appId`") == true)
            #expect(stage.tries("uploads.create") == 0)
            let app = stage.simulator.managementSettings.appId
            try await stage.pool.execute("UPDATE accounts SET \"appId\" = \(app)")
            _ = try await SubmissionRepository(pool: stage.pool).submitAgain("picture", tenant: SubmissionStage.tenant)
            try await stage.submit(stage.submitter(samples: samples))
            let done = try await stage.record("picture")
            #expect(done.status == .done, "\(done.error ?? "")")
            #expect(stage.tries("uploads.create") == 1 && stage.tries("uploads.write") == 1)
            #expect(stage.calls("templates.create", "header_handle").count == 1)
        }
    }

    @Test func manyDaemonsSubmitEachTemplateOnce() async throws {
        try await SubmissionStage.with { stage in
            for number in 0..<30 { try await stage.want(.create, "hello_\(number)") }
            try stage.fault(ManagementFault(operation: "templates.create", mode: .lose, times: 5))
            for _ in 0..<3 {
                try await withThrowingTaskGroup { group in
                    for _ in 0..<3 { group.addTask { try await stage.submit() } }
                    try await group.waitForAll()
                }
                try await stage.pass()
            }
            let records = try await SubmissionRepository(pool: stage.pool).recent(tenant: SubmissionStage.tenant)
            #expect(records.count == 30 && records.allSatisfy { $0.status == .done && $0.attempts == 1 })
            #expect(stage.tries("templates.create") == 30)
        }
    }

    @Test func noMoreThanAHundredAreCreatedInAnHour() async throws {
        try await SubmissionStage.with { stage in
            try await stage.pool.execute(
                """
                INSERT INTO template_submissions (
                    "tenantId", "accountId", "wabaId", name, language, action, digest, status, "sentAt"
                )
                SELECT 'acme', a.id, a."wabaId", 'old_' || n, 'en', 'create', '', 'done', now() - interval '50 minutes'
                FROM accounts a, generate_series(1, 99) AS n
                """
            )
            try await stage.want(.create, "hello")
            try await stage.want(.create, "second")
            try await stage.submit()
            let waiting = try await [stage.record("hello"), stage.record("second")].filter { $0.status == .wanted }
            #expect(waiting.count == 1 && stage.calls("templates.create").count == 1)
            let wait = waiting.first?.dueAt.timeIntervalSinceNow ?? 0
            #expect(wait > 550 && wait < 650, "\(wait)")
        }
    }
}
