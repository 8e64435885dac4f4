package import Logging
package import Postgres
package import Settings
import Store

/// Reads the accounts of all tenants at WhatsApp: themselves, their numbers and their templates.
///
/// Any number of daemons share the work. A sweep of a large account takes several turns: each page is kept together with the place of the
/// next one, so a daemon that dies loses nothing that was read, and another one goes on there when the lease has ended. What a reading does
/// not reach stays as it is known.
package struct AccountSweep: Sendable {
    /// The most accounts that a daemon reads at once.
    private static let concurrency = 4

    private let sweeps: AccountSweepRepository
    private let client: GraphClient
    private let tokens: TokenResolver
    private let lease: Duration
    private let logger: Logger

    /// Makes a sweep.
    ///
    /// - Parameters:
    ///   - pool: The database.
    ///   - client: Calls WhatsApp; the caller shuts it down.
    ///   - tokens: Reads the tokens of accounts.
    ///   - lease: The time after which another daemon takes over; longer than a call.
    ///   - logger: Logs failures once, and what has changed.
    package init(
        pool: PostgresPool,
        client: GraphClient,
        tokens: TokenResolver,
        lease: Duration = .seconds(120),
        logger: Logger
    ) {
        sweeps = AccountSweepRepository(pool: pool)
        (self.client, self.tokens, self.lease, self.logger) = (client, tokens, lease, logger)
    }

    /// Reads the accounts that are due, each for one turn.
    ///
    /// - Parameters:
    ///   - tenants: The owners of the accounts; `nil` for all.
    ///   - isEnding: Returns true if a turn shall end before its next page.
    /// - Returns: The number of accounts; if it is not 0, more may be due.
    /// - Throws: `PostgresError` if none can be claimed.
    @discardableResult
    package func readDue(
        tenants: [String]? = nil,
        isEnding: @escaping @Sendable () -> Bool = { false }
    ) async throws -> Int {
        let claims = try await sweeps.claim(limit: Self.concurrency, tenants: tenants, lease: lease)
        await withDiscardingTaskGroup { group in
            for claim in claims {
                group.addTask { await turn(claim, isEnding: isEnding) }
            }
        }
        return claims.count
    }

    private func turn(_ claim: AccountSweepClaim, isEnding: @Sendable () -> Bool) async {
        do {
            do {
                try await read(claim, isEnding: isEnding)
            } catch let stop as Stop {
                try await note(stop.failure, of: claim)
            }
        } catch is LostClaim {
            logger.debug("Reading of an account went to another daemon", metadata: metadata(of: claim))
        } catch {
            // Of the database; the lease ends, and the reading goes on where it was.
            logger.warning(
                "Could not keep what was read of an account, it is read again",
                metadata: metadata(of: claim, ["error": "\(ErrorText.of(error))"])
            )
        }
    }

    private func read(_ claim: AccountSweepClaim, isEnding: @Sendable () -> Bool) async throws {
        let token: AccessToken
        do throws(TokenError) {
            token = try tokens.token(for: claim.accessToken)
        } catch {
            throw Stop(failure: ReadingFailure(text: error.description))
        }
        let reader = AccountReader(client: client, token: token, account: claim.wabaID)
        var step = SweepPace.Step.goOn
        if claim.cursor == nil { step = try await begin(claim, reader) }
        var (cursor, pages, limit, count) = (claim.cursor, 0, AccountReader.pageSize, Int?.none)
        while true {
            if case .pause(let pause, let isLimit) = step {
                if isLimit {
                    logger.notice(
                        "Calls to WhatsApp are nearly used up, the reading of an account waits",
                        metadata: metadata(of: claim, ["seconds": "\(pause.components.seconds)"])
                    )
                }
                return try await sweeps.pause(claim, for: pause, isLimit: isLimit)
            }
            if isEnding() { return try await sweeps.pause(claim, for: .zero, isLimit: false) }
            guard let start = try await sweeps.renew(claim, lease: lease) else { throw LostClaim() }
            let answer: AccountReader.Answer<AccountReader.Page>
            do throws(GraphError) {
                answer = try await reader.page(after: cursor, limit: limit)
            } catch {
                // A large page may be more than we take, or than WhatsApp gives.
                guard limit > 25, error.isAboutSize else { throw Stop(error, claim, hasCursor: cursor != nil) }
                limit = max(25, limit / 4)
                continue
            }
            let page = answer.value
            count = page.count ?? count
            let isHeld = try await sweeps.keep(
                page.templates,
                summary: (page.count, page.limit),
                cursor: page.cursor,
                for: claim,
                at: start,
                interval: SweepPace.interval(templates: count)
            )
            guard isHeld else { throw LostClaim() }
            guard let next = page.cursor else {
                if claim.failures > 0 { logger.notice("Account is read again", metadata: metadata(of: claim)) }
                return
            }
            (cursor, pages) = (next, pages + 1)
            step = SweepPace.step(afterPages: pages, usage: answer.usage)
        }
    }

    /// Reads the account and its numbers.
    private func begin(_ claim: AccountSweepClaim, _ reader: AccountReader) async throws -> SweepPace.Step {
        guard let start = try await sweeps.renew(claim, lease: lease) else { throw LostClaim() }
        let profile: AccountReader.Answer<AccountProfile>
        let numbers: AccountReader.Answer<[SeenNumber]>
        do throws(GraphError) {
            profile = try await reader.profile()
            numbers = try await reader.numbers(at: start)
        } catch {
            throw Stop(error, claim)
        }
        let changes = try await sweeps.begin(
            profile.value,
            limit: numbers.value.messagingLimit,
            numbers: numbers.value,
            for: claim,
            at: start
        )
        guard let changes else { throw LostClaim() }
        for change in changes { log(change, claim) }
        return SweepPace.step(afterPages: 0, usage: numbers.usage ?? profile.usage)
    }

    private func note(_ failure: ReadingFailure, of claim: AccountSweepClaim) async throws {
        // A daemon that is being ended has not failed; the lease ends, and another goes on.
        try Task.checkCancellation()
        let random = Double.random(in: 0...1)
        let pause =
            failure.limitMinutes.map { SweepPace.pause(limitedFor: $0, failures: claim.failures, random: random) }
            ?? SweepPace.backoff(failures: claim.failures, random: random)
        let isNews = try await sweeps.fail(
            claim,
            error: failure.text,
            for: pause,
            isLimit: failure.limitMinutes != nil,
            restarts: failure.restarts
        )
        guard isNews else { return }
        logger.warning(
            "Could not read an account at WhatsApp, trying again",
            metadata: metadata(of: claim, ["reason": "\(failure.text)"])
        )
    }

    private func log(_ change: AccountSweepRepository.Change, _ claim: AccountSweepClaim) {
        var details: Logger.Metadata = ["what": "\(change.subject)", "from": "\(change.from)", "to": "\(change.to)"]
        details["number"] = change.phoneNumberID.map { "\($0)" }
        let isBad = ["RED", "YELLOW"].contains(change.to) || change.subject == "status" && change.to != "CONNECTED"
        logger.log(
            level: isBad ? .warning : .notice,
            "WhatsApp changed a number or its limit",
            metadata: metadata(of: claim, details)
        )
    }

    private func metadata(of claim: AccountSweepClaim, _ more: Logger.Metadata = [:]) -> Logger.Metadata {
        let ids: Logger.Metadata = [
            "tenant": "\(claim.tenantID)", "account": "\(claim.name)", "waba": "\(claim.wabaID)",
        ]
        return ids.merging(more) { _, new in new }
    }
}

/// The claim went to another daemon, which goes on.
private struct LostClaim: Error, CustomStringConvertible {
    var description: String { "another daemon has taken the account over" }
}

/// A failure that ends the turn.
private struct Stop: Error, CustomStringConvertible {
    let failure: ReadingFailure
    var description: String { failure.text }

    init(failure: ReadingFailure) { self.failure = failure }

    init(_ error: GraphError, _ claim: AccountSweepClaim, hasCursor: Bool = false) {
        failure = ReadingFailure(
            error,
            reference: claim.accessToken,
            account: claim.wabaID,
            hasCursor: hasCursor
        )
    }
}

extension GraphError {
    /// True if a smaller page may help.
    fileprivate var isAboutSize: Bool {
        switch self {
        case .unreadable: true
        // "Please reduce the amount of data you're asking for".
        case .refused(let refusal): refusal.code == 1
        default: false
        }
    }
}
