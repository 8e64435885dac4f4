import Foundation
import JSON
import Postgres
import Store
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Account

/// Wishes go to the account that their plan was made for, or nowhere.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct FormerAccountTests {
    @Test(arguments: [SubmissionWish.Action.create, .edit, .delete], ["wanted", "unsettled"])
    func nothingIsSentToAnAccountThatTookItsPlace(action: SubmissionWish.Action, status: String) async throws {
        try await SubmissionStage.with { stage in
            // The account had another id when the plan was made.
            try await stage.pool.execute("UPDATE accounts SET \"wabaId\" = '77'")
            try await stage.want(action, "hello", SubmissionStage.request("hello", body: "Good day to all of you."))
            try await stage.pool.execute(
                "UPDATE template_submissions SET status = \(status), \"sentAt\" = now() - interval '5 minutes'"
            )
            try await stage.pool.execute("UPDATE accounts SET \"wabaId\" = \(SubmissionStage.waba)")
            try await stage.create(SubmissionStage.request("hello"))
            try await stage.submit()
            let record = try await stage.record("hello")
            #expect(record.status == .failed && record.wabaID == "77")
            #expect(record.error?.hasPrefix("it was wished for the account 77 of WhatsApp") == true)
            #expect(stage.tries("templates.create") == 1)
            #expect(stage.tries("templates.edit") == 0 && stage.tries("templates.delete") == 0)
        }
    }
}
