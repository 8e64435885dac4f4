package import Foundation
import JSON
import NIOHTTP1
package import Postgres
package import Settings
import Store

/// Examines the set-up of a tenant from end to end, without changing anything: tokens, numbers, webhooks, templates, limits, clock.
package struct AccountDoctor: Sendable {
    /// The settings of the daemon, as this machine has them.
    package struct Setup: Sendable {
        /// The address of the daemon from outside; `nil` if it is not known.
        package let publicURL: String?
        /// The key of webhook signatures; `nil` if it is not set.
        package let appSecret: String?
        package let verifyToken: String?

        package init(publicURL: String?, appSecret: String?, verifyToken: String?) {
            (self.publicURL, self.appSecret, self.verifyToken) = (publicURL, appSecret, verifyToken)
        }
    }

    fileprivate static let deadline = Duration.seconds(15)
    /// The most templates that are asked for.
    fileprivate static let mostTemplates = 50

    private let pool: PostgresPool
    private let client: GraphClient
    private let outside: GraphClient?
    private let tokens: TokenResolver
    private let setup: Setup
    private let now: @Sendable () -> Date

    /// Makes a doctor.
    ///
    /// - Parameters:
    ///   - pool: The database.
    ///   - client: Calls WhatsApp.
    ///   - outside: Has the address of the daemon from outside; `nil` if it is not known.
    ///   - tokens: Reads tokens.
    ///   - setup: The settings of the daemon.
    ///   - now: The clock of this machine.
    package init(
        pool: PostgresPool,
        client: GraphClient,
        outside: GraphClient?,
        tokens: TokenResolver,
        setup: Setup,
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        (self.pool, self.client, self.outside, self.tokens, self.setup, self.now) =
            (pool, client, outside, tokens, setup, now)
    }

    /// Examines a tenant.
    ///
    /// - Returns: The findings in the order of the checks.
    /// - Throws: `PostgresError`.
    package func examine(_ tenant: String) async throws -> [Finding] {
        let use = try await AccountUseRepository(pool: pool).use(of: tenant)
        let accounts = try await AccountViewRepository(pool: pool).views(tenant: tenant, withComponents: false)
        let daemons = try await DaemonRepository(pool: pool).presence()
        let wishes = try await SubmissionRepository(pool: pool).recent(tenant: tenant)
        var findings = [Judgement.daemons(daemons)] + Judgement.submissions(wishes, tenant: tenant)
        findings += accounts.map { Judgement.reading($0, now: daemons.now) }
        var clock: Finding?
        for account in accounts {
            var visit = AccountVisit(account: account, use: use, setup: setup, tokens: tokens, client: client)
            await visit.examine(now: now)
            findings += visit.findings
            if let time = visit.time { clock = Judgement.clock(theirs: time.theirs, ours: time.ours) }
        }
        for sender in use.senders where sender.account == nil {
            findings.append(
                Finding(
                    .account,
                    "sender \(sender.name)",
                    .unknown,
                    "it belongs to no account, so neither its number nor its webhooks are looked at",
                    remedy: "write `kind: Account` with its `wabaId`, and reconcile"
                )
            )
        }
        findings += await wayIn()
        findings.append(clock ?? Finding(.clock, "this machine", .unknown, "WhatsApp gave no answer to compare with"))
        let order = Finding.Check.allCases
        return findings.enumerated()
            .sorted { one, other in
                let (first, second) = (
                    order.firstIndex(of: one.element.check), order.firstIndex(of: other.element.check)
                )
                return (first ?? 0, one.offset) < (second ?? 0, other.offset)
            }
            .map(\.element)
    }

    private func wayIn() async -> [Finding] {
        var findings = [
            setup.appSecret == nil
                ? Finding(
                    .secret,
                    "WHATSAPP_APP_SECRET",
                    .fail,
                    "it is not set, so all webhooks are refused: no delivery reports, and STOP is not heard",
                    remedy: "set it to the secret of the app, under App settings > Basic, here and at the daemon"
                )
                : Finding(.secret, "WHATSAPP_APP_SECRET", .ok, "it is set")
        ]
        guard let outside else {
            findings.append(
                Finding(
                    .wayIn,
                    "PUBLIC_URL",
                    .unknown,
                    "it is not set, so the webhook is not called",
                    remedy: "set PUBLIC_URL=https://… to the address of the daemon from outside"
                )
            )
            return findings
        }
        let probe = WebhookProbe(client: outside, secret: setup.appSecret, verifyToken: setup.verifyToken)
        return findings + (await probe.findings())
    }
}

/// The examination of one account.
private struct AccountVisit {
    let account: AccountView
    let use: AccountUse
    let setup: AccountDoctor.Setup
    let tokens: TokenResolver
    let client: GraphClient
    private(set) var findings: [Finding] = []
    /// The times of an answer: WhatsApp's, and ours in the middle of the call.
    private(set) var time: (theirs: Date?, ours: Date)?
    /// The app of the token, as WhatsApp tells it.
    private var app: String?

    init(
        account: AccountView,
        use: AccountUse,
        setup: AccountDoctor.Setup,
        tokens: TokenResolver,
        client: GraphClient
    ) {
        (self.account, self.use, self.setup, self.tokens, self.client) = (account, use, setup, tokens, client)
    }

    private var subject: String { "account \(account.name)" }

    private mutating func add(
        _ check: Finding.Check,
        _ verdict: Finding.Verdict,
        _ seen: String,
        remedy: String? = nil
    ) {
        findings.append(Finding(check, subject, verdict, seen, remedy: remedy))
    }

    mutating func examine(now: () -> Date) async {
        let token: AccessToken
        do throws(TokenError) {
            token = try tokens.token(for: account.accessToken)
        } catch {
            add(
                .token,
                .fail,
                error.description,
                remedy: "put the token into \(account.accessToken), here and at the daemon"
            )
            return add(.account, .unknown, "not asked, because there is no token")
        }
        await examine(token, now: now)
        guard await profile(token, now: now) else { return }
        let reader = AccountReader(client: client, token: token, account: account.wabaID)
        await numbers(reader)
        await subscription(token)
        await templates(reader)
    }

    private mutating func examine(_ token: AccessToken, now: () -> Date) async {
        do throws(GraphError) {
            let query = ["input_token": token.value]
            let answer = try await client.call(
                .GET,
                "/debug_token",
                query: query,
                token: token,
                deadline: AccountDoctor.deadline
            )
            let data = answer.json["data"] ?? .null
            app = data.text("app_id")
            findings += Judgement.token(
                data,
                account: account.wabaID,
                subject: subject,
                reference: account.accessToken,
                now: now()
            )
        } catch {
            switch error {
            case .unauthorized(let refusal) where [102, 190].contains(refusal.code):
                let remedy = "make a new token for the system user, and put it into \(account.accessToken)"
                add(.token, .fail, "WhatsApp refuses it: \(refusal)", remedy: remedy)
            case .notWritten, .lost, .unreadable: break  // The next call says so.
            default: add(.token, .unknown, "WhatsApp does not tell its rights (\(error)); the other checks show them")
            }
        }
    }

    /// Reads the account; false if nothing more can be asked.
    private mutating func profile(_ token: AccessToken, now: () -> Date) async -> Bool {
        let fields = "id,name,account_review_status,health_status"
        do throws(GraphError) {
            let start = now()
            let answer = try await client.call(
                .GET,
                "/\(account.wabaID)",
                query: ["fields": fields],
                token: token,
                deadline: AccountDoctor.deadline
            )
            time = (answer.date, start + now().timeIntervalSince(start) / 2)
            findings.append(Judgement.account(answer.json, subject: subject))
            return true
        } catch {
            switch error {
            case .notWritten, .lost, .unreadable:
                let remedy = "check WHATSAPP_API_URL, the network, and HTTPS_PROXY if there is a proxy"
                add(.account, .fail, "\(error)", remedy: remedy)
            case .limited: add(.account, .unknown, "\(error)", remedy: "ask again later")
            default:
                let failure = ReadingFailure(error, reference: account.accessToken, account: account.wabaID)
                add(.account, .fail, failure.text, remedy: "check `wabaId` and the rights of the token")
            }
            return false
        }
    }

    private mutating func numbers(_ reader: AccountReader) async {
        let senders = use.senders.filter { $0.account == account.name }
        let numbers: [SeenNumber]
        do throws(GraphError) {
            numbers = try await reader.numbers(at: Date()).value
        } catch {
            return add(.number, .fail, "\(error)", remedy: "give the token \(Judgement.management)")
        }
        let expected = setup.publicURL.map { $0 + WebhookProbe.path }
        for sender in senders {
            let number = numbers.first { $0.phoneNumberID == sender.phoneNumberID }
            let subject = "sender \(sender.name)"
            findings.append(Judgement.number(number, of: sender, account: account.wabaID, subject: subject))
            if sender.accessToken != account.accessToken { await token(of: sender) }
            if let number { findings.append(Judgement.address(number, expected: expected, subject: subject)) }
        }
        if senders.isEmpty {
            add(.number, .warn, "no sender belongs to it", remedy: "name it in `account` of a sender")
        }
        let profile = account.profile
        let templates = profile?.templateCount.flatMap { count in profile?.templateLimit.map { (count, $0) } }
        findings += Judgement.limit(
            numbers.messagingLimit,
            senders: senders,
            portfolio: account.businessID,
            templates: templates,
            subject: subject
        )
        findings += Judgement.portfolio(account.businessID, read: profile?.businessID, subject: subject)
    }

    /// Tries the token of a sender that has one of its own.
    private mutating func token(of sender: AccountUse.Sender) async {
        let subject = "sender \(sender.name)"
        do {
            let token = try tokens.token(for: sender.accessToken)
            let path = "/\(sender.phoneNumberID)"
            _ = try await client.call(
                .GET,
                path,
                query: ["fields": "id"],
                token: token,
                deadline: AccountDoctor.deadline
            )
            findings.append(Finding(.token, subject, .ok, "its own token sees the number"))
        } catch {
            let remedy = "put a token with \(Judgement.messaging) for the number into \(sender.accessToken)"
            findings.append(Finding(.token, subject, .fail, "\(error)", remedy: remedy))
        }
    }

    private mutating func subscription(_ token: AccessToken) async {
        do throws(GraphError) {
            let path = "/\(account.wabaID)/subscribed_apps"
            let answer = try await client.call(.GET, path, token: token, deadline: AccountDoctor.deadline)
            findings.append(
                Judgement.subscription(
                    answer.json,
                    app: app ?? account.appID,
                    account: account.wabaID,
                    subject: subject
                )
            )
        } catch {
            add(.subscription, .unknown, "\(error)", remedy: "give the token \(Judgement.management)")
        }
    }

    private mutating func templates(_ reader: AccountReader) async {
        let used = use.templates.filter { $0.account == account.name }
        for template in used.prefix(AccountDoctor.mostTemplates) {
            do throws(GraphError) {
                let seen = try await reader.template(template.whatsappName, template.language).value
                findings.append(Judgement.template(seen, template))
            } catch {
                return add(.templates, .unknown, "\(error)")
            }
        }
        if used.count > AccountDoctor.mostTemplates {
            add(.templates, .unknown, "\(used.count - AccountDoctor.mostTemplates) more were not asked for")
        }
    }
}
