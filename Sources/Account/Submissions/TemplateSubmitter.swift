import Dispatch
import Foundation
import JSON
package import Logging
import NIOHTTP1
package import Postgres
package import Settings
import Spec
import Store

/// Submits, edits and deletes templates at WhatsApp, as reconciles wish it: each at most once.
///
/// Any number of daemons share the work. Before a request is written, Postgres has it that it may arrive; if its answer is lost, or its
/// daemon dies, what WhatsApp has by then is read and decides. Nothing is sent before WhatsApp was asked what it has.
package struct TemplateSubmitter: Sendable {
    /// The most wishes that a daemon works on at once.
    private static let concurrency = 4
    /// The longest time between the record of a request and its writing: a daemon that was suspended in between must not write
    /// it, because another one may have taken over.
    private static let longestPause = Duration.seconds(20)
    /// The time between two looks at a run that keeps a template from being deleted.
    private static let whileUsed = Duration.seconds(300)

    private let submissions: SubmissionRepository
    private let sweeps: AccountSweepRepository
    private let media: MediaRepository
    private let client: GraphClient
    private let tokens: TokenResolver
    private let samples: (any SampleHandles)?
    private let lease: Duration
    private let logger: Logger

    /// Makes a submitter.
    ///
    /// - Parameters:
    ///   - pool: The database.
    ///   - client: Calls WhatsApp; the caller shuts it down.
    ///   - tokens: Reads the tokens of accounts.
    ///   - samples: Uploads the files of templates; `nil` if this daemon cannot, and templates with files fail.
    ///   - lease: The time after which another daemon takes over; longer than a few calls.
    ///   - logger: Logs what was submitted, and failures.
    package init(
        pool: PostgresPool,
        client: GraphClient,
        tokens: TokenResolver,
        samples: (any SampleHandles)? = nil,
        lease: Duration = .seconds(180),
        logger: Logger
    ) {
        submissions = SubmissionRepository(pool: pool)
        sweeps = AccountSweepRepository(pool: pool)
        media = MediaRepository(pool: pool)
        (self.client, self.tokens, self.samples) = (client, tokens, samples)
        (self.lease, self.logger) = (lease, logger)
    }

    /// Makes the next step of each wish that is due, and tells tenants what became of their wishes.
    ///
    /// - Returns: The number of wishes; if it is not 0, more may be due.
    /// - Throws: `PostgresError` if none can be claimed, or nothing be told.
    @discardableResult
    package func submitDue() async throws -> Int {
        let claims = try await submissions.claim(limit: Self.concurrency, lease: lease)
        if !claims.isEmpty { CrashPoint.submissionClaimed.reach() }
        await withDiscardingTaskGroup { group in
            for claim in claims { group.addTask { await work(on: claim) } }
        }
        try await submissions.tellNews()
        return claims.count
    }

    private func work(on claim: SubmissionClaim) async {
        do {
            guard let step = try await step(of: claim) else { return }
            let isOurs = try await submissions.end(claim, with: step)
            CrashPoint.submissionSettled.reach()
            guard isOurs else { return }
            log(step, claim)
            switch step {
            case .done, .failed:
                // The plan shows what WhatsApp has; without this it would be that of before.
                _ = try await sweeps.request(tenant: claim.record.wish.tenantID, account: claim.record.wish.account)
            case .lost, .later: break
            }
        } catch {
            // Of the database; the lease ends, and what was sent is settled by reading.
            logger.warning(
                "Could not record what became of a template, going on later",
                metadata: metadata(of: claim, ["error": "\(ErrorText.of(error))"])
            )
        }
    }

    /// Makes the next step; `nil` if nothing is to be recorded any more.
    private func step(of claim: SubmissionClaim) async throws -> SubmissionStep? {
        guard !claim.isArchived else {
            return .failed(code: nil, subcode: nil, reason: "the spec of its account was deleted")
        }
        guard claim.wabaID == claim.presentWabaID else {
            let reason =
                "it was wished for the account \(claim.wabaID) of WhatsApp, and `\(claim.record.wish.account)` has the "
                + "`wabaId` \(claim.presentWabaID) by now; the next plan tells what that one needs"
            return .failed(code: nil, subcode: nil, reason: reason)
        }
        let token: AccessToken
        do throws(TokenError) {
            token = try tokens.token(for: claim.accessToken)
        } catch {
            return .later(.seconds(300), reason: error.description, isCounted: false)
        }
        let found: [SeenTemplate]
        do throws(GraphError) {
            found = try await AccountReader(client: client, token: token, account: claim.wabaID)
                .templates(named: claim.record.wish.name)
        } catch {
            return SubmissionVerdict.step(ofReading: error)
        }
        switch SubmissionDecision.next(claim, found: found) {
        case .end(let step): return step
        case .again:
            try await submissions.sendAgain(claim)
            return nil
        case .send(let call): return try await send(call, claim, token)
        }
    }

    private func send(_ call: SubmissionCall, _ claim: SubmissionClaim, _ token: AccessToken) async throws
        -> SubmissionStep?
    {
        let handles: [String: String]
        switch await self.handles(call, claim, token) {
        case .success(let uploaded): handles = uploaded
        case .failure(let failure): return failure.step
        }
        let body = call.body(claim.record.wish.request, handles: handles)
        switch try await submissions.mark(claim, countsAsEdit: call.countsAsEdit) {
        case .lost: return nil
        case .limited(let until, let reason):
            let wait = max(1, until.timeIntervalSinceNow)
            return .later(
                .seconds(wait),
                reason: "\(reason): WhatsApp takes no more before \(until.formatted(.iso8601))",
                isCounted: true
            )
        case .used(let use):
            guard use.isRun else {
                let reason = "\(use.words) uses the template by now: end that, and delete the template anew"
                return .failed(code: nil, subcode: nil, reason: reason)
            }
            return .later(
                Self.whileUsed,
                reason: "\(use.words) sends the template: it is deleted when that is over",
                isCounted: true
            )
        case .marked: break
        }
        let marked = ContinuousClock.now
        CrashPoint.submissionMarked.reach()
        guard marked.duration(to: .now) < Self.longestPause else { return nil }
        do throws(GraphError) {
            CrashPoint.submissionWritten.reach(after: .milliseconds(150))
            let answer = try await perform(call, body, claim, token)
            CrashPoint.submissionAnswered.reach()
            return SubmissionVerdict.step(of: call, answer: answer.json)
        } catch {
            CrashPoint.submissionAnswered.reach()
            return SubmissionVerdict.step(of: error, call: call, attempts: claim.record.attempts + 1)
        }
    }

    private func perform(
        _ call: SubmissionCall,
        _ body: JSONValue?,
        _ claim: SubmissionClaim,
        _ token: AccessToken
    ) async throws(GraphError) -> GraphAnswer {
        switch call {
        case .create:
            return try await client.call(.POST, "/\(claim.wabaID)/message_templates", body: body, token: token)
        case .edit(let id, _, _): return try await client.call(.POST, "/\(id)", body: body, token: token)
        case .delete(let name, let id):
            var query = ["name": name]
            query["hsm_id"] = id
            return try await client.call(.DELETE, "/\(claim.wabaID)/message_templates", query: query, token: token)
        }
    }

    /// A step that is made instead of a request.
    private struct Instead: Error, CustomStringConvertible {
        let step: SubmissionStep
        var description: String { "no request is sent: \(step)" }
    }

    /// Uploads the files of a template; nothing is recorded before, because uploading twice does no harm.
    private func handles(
        _ call: SubmissionCall,
        _ claim: SubmissionClaim,
        _ token: AccessToken
    ) async -> Result<[String: String], Instead> {
        let needed = claim.record.wish.request.map(TemplateSubmission.samples(ofWish:)) ?? []
        guard !needed.isEmpty else { return .success([:]) }
        guard let samples else {
            let list = needed.map { "`\($0.key)`" }.joined(separator: ", ")
            let reason = "the template needs a file for \(list), and this version uploads none"
            return .failure(Instead(step: .failed(code: nil, subcode: nil, reason: reason)))
        }
        var handles: [String: String] = [:]
        for sample in needed {
            do {
                handles[sample.key] = try await samples.handle(for: sample, of: claim, token: token)
            } catch let error as SampleError {
                return .failure(Instead(step: .failed(code: nil, subcode: nil, reason: error.description)))
            } catch let error as GraphError {
                let file = await words(of: sample, tenant: claim.record.wish.tenantID)
                return .failure(Instead(step: SubmissionVerdict.step(ofUpload: error, of: file)))
            } catch {
                let reason = "a file could not be uploaded: \(ErrorText.of(error))"
                return .failure(Instead(step: .later(.seconds(300), reason: reason, isCounted: true)))
            }
        }
        return .success(handles)
    }

    /// Returns a file as people know it: by its path in the specs, or its link.
    private func words(of sample: TemplateSubmission.Sample, tenant: String) async -> String {
        guard let reference = sample.media else { return "the file `\(sample.link)` of `\(sample.key)`" }
        let key = MediaRepository.Key(tenant: tenant, digest: reference.digest)
        let path = (try? await media.facts(of: key))?.path
        return "the file \(path.map { "`\($0)`" } ?? reference.text) of `\(sample.key)`"
    }

    private func log(_ step: SubmissionStep, _ claim: SubmissionClaim) {
        let wish = claim.record.wish
        switch step {
        case .done(let id, let category):
            var details: Logger.Metadata = ["action": "\(wish.action.rawValue)"]
            details["id"] = id.map { "\($0)" }
            logger.notice("WhatsApp has the template as wished", metadata: metadata(of: claim, details))
            let wanted = wish.request?["category"]?.stringValue?.lowercased()
            guard let wanted, let category = category?.lowercased(), category != wanted else { return }
            let isAllowed = wish.request?["allow_category_change"]?.boolValue != false
            logger.warning(
                isAllowed
                    ? "WhatsApp gave the template another category, which changes its price"
                    : "WhatsApp gave the template another category, although allowCategoryChange is false",
                metadata: metadata(of: claim, ["wanted": "\(wanted)", "category": "\(category)"])
            )
        case .failed(_, _, let reason):
            logger.error("WhatsApp did not take the template", metadata: metadata(of: claim, ["reason": "\(reason)"]))
        case .lost(let reason):
            logger.warning(
                "The answer about a template was lost, reading what WhatsApp has",
                metadata: metadata(of: claim, ["reason": "\(reason)"])
            )
        case .later(let delay, let reason, _):
            // Waits repeat, and are told once.
            guard reason != claim.record.error else { return }
            logger.info(
                "A template waits to be submitted",
                metadata: metadata(
                    of: claim,
                    ["reason": "\(reason ?? "")", "seconds": "\(delay.components.seconds)"]
                )
            )
        }
    }

    private func metadata(of claim: SubmissionClaim, _ more: Logger.Metadata = [:]) -> Logger.Metadata {
        let wish = claim.record.wish
        var ids: Logger.Metadata = [
            "tenant": "\(wish.tenantID)", "account": "\(wish.account)", "template": "\(wish.name)",
        ]
        ids["language"] = wish.language.map { "\($0)" }
        return ids.merging(more) { _, new in new }
    }
}

extension AccountReader {
    /// The most templates that a read by name looks through: WhatsApp finds names by a part of them.
    private static let mostNamesakes = 2_000

    /// Reads the templates of an exact name, in all languages.
    ///
    /// - Returns: The templates that WhatsApp shows.
    /// - Throws: ``GraphError``.
    func templates(named name: String) async throws(GraphError) -> [SeenTemplate] {
        let fields = [
            "id", "name", "language", "status", "category", "components", "parameter_format",
            "message_send_ttl_seconds",
        ]
        var query = ["fields": fields.joined(separator: ","), "name": name, "limit": "100"]
        var (found, read): ([SeenTemplate], Int) = ([], 0)
        while true {
            let json = try await client.call(.GET, "/\(account)/message_templates", query: query, token: token).json
            guard let items = json["data"]?.arrayValue else {
                throw .unreadable("a list of templates without `data`")
            }
            found += items.compactMap(SeenTemplate.init(json:)).filter { $0.name == name }
            read += items.count
            guard json["paging"]?["next"] != nil, read < Self.mostNamesakes,
                let cursor = json["paging"]?["cursors"]?["after"]?.stringValue, cursor != query["after"]
            else { return found }
            query["after"] = cursor
        }
    }
}
