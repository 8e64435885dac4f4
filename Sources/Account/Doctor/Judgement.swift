import Foundation
import JSON
import Spelling
import Store

/// Judges a set-up from the answers of WhatsApp and of the daemon: pure functions, without calls.
enum Judgement {
    static let management = "whatsapp_business_management"
    static let messaging = "whatsapp_business_messaging"
    /// The difference of clocks from which signatures, windows and schedules go wrong.
    static let longestSkew: TimeInterval = 120

    /// Judges the answer of `debug_token`: whether the token is valid, its rights, and its end.
    static func token(
        _ data: JSONValue,
        account: String,
        subject: String,
        reference: String,
        now: Date
    ) -> [Finding] {
        guard data["is_valid"]?.boolValue == true else {
            let reason = data["error"]?.text("message") ?? "is_valid is false"
            let remedy = "make a new token for the system user, and put it into \(reference)"
            return [
                Finding(.token, subject, .fail, "WhatsApp says that the token is invalid: \(reason)", remedy: remedy)
            ]
        }
        let kind = data.text("type").map { ", of type \($0)" } ?? ""
        let app = data.text("app_id").map { " of app \($0)" } ?? ""
        return [
            Finding(.token, subject, .ok, "valid\(app)\(kind)"), rights(data, account: account, subject: subject),
            expiry(data, subject: subject, reference: reference, now: now),
        ]
    }

    private static func rights(_ data: JSONValue, account: String, subject: String) -> Finding {
        let scopes = (data["scopes"]?.arrayValue ?? []).compactMap(\.stringValue)
        let missing = [management, messaging].filter { !scopes.contains($0) }
        guard missing.isEmpty else {
            return Finding(
                .rights,
                subject,
                .fail,
                "the token lacks \(missing.joined(separator: " and "))",
                remedy: "make a token with \(management) and \(messaging)"
            )
        }
        let granular = (data["granular_scopes"]?.arrayValue ?? []).first { $0["scope"]?.stringValue == management }
        let targets = (granular?["target_ids"]?.arrayValue ?? []).compactMap { id in
            id.stringValue ?? id.integerValue.map(String.init)
        }
        guard targets.isEmpty || targets.contains(account) else {
            return Finding(
                .rights,
                subject,
                .fail,
                "the token is for account \(targets.joined(separator: ", ")), not for \(account)",
                remedy: "assign account \(account) to the token's system user, or correct `wabaId`"
            )
        }
        return Finding(.rights, subject, .ok, "templates, numbers and messages of account \(account)")
    }

    private static func expiry(_ data: JSONValue, subject: String, reference: String, now: Date) -> Finding {
        guard let end = data["expires_at"]?.integerValue else {
            return Finding(.expiry, subject, .unknown, "WhatsApp does not tell when the token ends")
        }
        guard end > 0 else { return Finding(.expiry, subject, .ok, "the token never ends") }
        let date = Date(timeIntervalSince1970: Double(end))
        let text = "the token ends at \(date.formatted(.iso8601))"
        let remedy = "make a token of a system user that never expires, and put it into \(reference)"
        guard date > now else { return Finding(.expiry, subject, .fail, text, remedy: remedy) }
        guard date < now + 14 * 86_400 else { return Finding(.expiry, subject, .ok, text) }
        return Finding(.expiry, subject, .warn, text, remedy: remedy)
    }

    /// Judges an account by its fields.
    static func account(_ json: JSONValue, subject: String) -> Finding {
        let name = json.text("name").map { "“\($0)”" } ?? "without a name"
        if json["health_status"]?.text("can_send_message") == "BLOCKED" {
            let errors = (json["health_status"]?["entities"]?.arrayValue ?? [])
                .filter { $0.text("can_send_message") == "BLOCKED" }
                .flatMap { $0["errors"]?.arrayValue ?? [] }
            let texts = errors.compactMap { error in
                error.text("error_description").map { text in
                    text + (error.text("possible_solution").map { " (\($0))" } ?? "")
                }
            }
            return Finding(
                .account,
                subject,
                .fail,
                "\(name) cannot send" + (texts.isEmpty ? "" : ": " + texts.joined(separator: "; ")),
                remedy: "look at Business Support Home, and appeal there"
            )
        }
        switch json.text("account_review_status")?.uppercased() {
        case "APPROVED", nil: return Finding(.account, subject, .ok, "\(name), reviewed and able to send")
        case let review?:
            return Finding(
                .account,
                subject,
                review == "REJECTED" ? .fail : .warn,
                "\(name), its review is \(review)",
                remedy: "look at the account in WhatsApp Manager"
            )
        }
    }

    /// Judges the number of a sender.
    ///
    /// - Parameters:
    ///   - number: The number in the list of its account; `nil` if it is not in it.
    ///   - sender: The sender.
    ///   - account: WhatsApp's id of the account.
    ///   - subject: What the finding is about.
    /// - Returns: The finding.
    static func number(_ number: SeenNumber?, of sender: AccountUse.Sender, account: String, subject: String) -> Finding
    {
        guard let number else {
            return Finding(
                .number,
                subject,
                .fail,
                "account \(account) has no number with the id \(sender.phoneNumberID)",
                remedy: "correct `phoneNumberId`, which is not the number itself, or `account` of the sender"
            )
        }
        let name = [number.displayPhoneNumber, number.verifiedName].compactMap(\.self).joined(separator: ", ")
        if let platform = number.platform, platform != "CLOUD_API" {
            let remedy = "register the number for the Cloud API: POST /\(number.phoneNumberID)/register with its PIN"
            return Finding(.number, subject, .fail, "\(name): its platform is \(platform)", remedy: remedy)
        }
        if let status = number.status, status != "CONNECTED" {
            let remedy = "look at the number in WhatsApp Manager"
            return Finding(.number, subject, .fail, "\(name): its status is \(status)", remedy: remedy)
        }
        if let review = number.nameStatus, !["APPROVED", "AVAILABLE_WITHOUT_REVIEW"].contains(review) {
            let remedy = "give the number a display name that WhatsApp approves"
            return Finding(.number, subject, .warn, "\(name): its display name is \(review)", remedy: remedy)
        }
        if let quality = number.quality, ["RED", "YELLOW"].contains(quality) {
            let remedy = "people block or report it: send less, and only to people who expect it"
            return Finding(.number, subject, .warn, "\(name): its quality is \(quality)", remedy: remedy)
        }
        let throughput = number.throughput.map { ", throughput \($0)" } ?? ""
        return Finding(.number, subject, .ok, "\(name): connected, quality \(number.quality ?? "unknown")\(throughput)")
    }

    /// Judges the readings of an account by the daemons, as they are stored.
    ///
    /// - Parameters:
    ///   - account: The account.
    ///   - now: The present, by Postgres's clock.
    /// - Returns: The finding.
    static func reading(_ account: AccountView, now: Date) -> Finding {
        let subject = "account \(account.name)"
        let last = account.sweptAt.map { "read last at \($0.formatted(.iso8601))" } ?? "never read"
        if let error = account.error {
            let since = account.errorAt.map { " since \($0.formatted(.iso8601))" } ?? ""
            return Finding(
                .reading,
                subject,
                .fail,
                "the daemons cannot read it\(since): \(error); \(last)",
                remedy:
                    "give the daemons the token and the network that this command has, then `campaignd templates sync`"
            )
        }
        guard let sweptAt = account.sweptAt, now.timeIntervalSince(sweptAt) < 86_400 else {
            return Finding(
                .reading,
                subject,
                .warn,
                last,
                remedy: "start a daemon with `campaignd run`, which reads it"
            )
        }
        return Finding(.reading, subject, .ok, last)
    }

    /// Judges whether a daemon runs, by their heartbeats.
    static func daemons(_ presence: DaemonRepository.Presence) -> Finding {
        guard !presence.isAnyRunning else { return Finding(.daemon, "daemons", .ok, "at least one runs") }
        let seen = presence.lastSeen.map { "none runs; the last heartbeat was at \($0.formatted(.iso8601))" }
        return Finding(.daemon, "daemons", .fail, seen ?? "none runs", remedy: "start one with `campaignd run`")
    }

    /// Judges the submissions of templates: the last wish for each name and language may have failed.
    ///
    /// - Parameters:
    ///   - records: The wishes, the latest first.
    ///   - tenant: Their tenant.
    /// - Returns: A finding for each that failed, or one that none has.
    static func submissions(_ records: [SubmissionRecord], tenant: String) -> [Finding] {
        var last: [String: SubmissionRecord] = [:]
        for record in records where record.status != .superseded {
            let key = "\(record.wish.account) \(record.wish.name) \(record.wish.language ?? "")"
            if last[key] == nil { last[key] = record }
        }
        let failed = last.sorted { $0.key < $1.key }.map(\.value).filter { $0.status == .failed }
        guard !failed.isEmpty else {
            return [Finding(.submissions, "tenant \(tenant)", .ok, last.isEmpty ? "there are none" : "none has failed")]
        }
        return failed.map { record in
            let language = record.wish.language.map { " (\($0))" } ?? ""
            let name = record.wish.template ?? record.wish.name
            return Finding(
                .submissions,
                record.wish.name + language,
                .fail,
                "\(record.wish.action.rawValue) failed: \(record.error ?? "without a reason")",
                remedy: "mend the template and reconcile, or `campaignd templates submit \(name) --tenant \(tenant)`"
            )
        }
    }

    /// Judges the portfolio that the spec of an account names, if WhatsApp told another one.
    static func portfolio(_ own: String?, read: String?, subject: String) -> [Finding] {
        guard let own, let read, own != read else { return [] }
        let seen = "it belongs to portfolio \(read) at WhatsApp, and its spec says \(own)"
        let remedy = "write `businessId: \"\(read)\"`, so that its senders share the quota of the right portfolio"
        return [Finding(.account, subject, .warn, seen, remedy: remedy)]
    }

    /// Judges the limits of an account against those of its senders.
    ///
    /// - Parameters:
    ///   - limit: The messaging limit; `.some(nil)` for none, `nil` if it is not known.
    ///   - senders: The senders of the account.
    ///   - portfolio: The portfolio that its spec names.
    ///   - templates: The number of its templates, and the largest.
    ///   - subject: What the finding is about.
    /// - Returns: The findings.
    static func limit(
        _ limit: Int??,
        senders: [AccountUse.Sender],
        portfolio: String? = nil,
        templates: (count: Int, most: Int)?,
        subject: String
    ) -> [Finding] {
        var findings: [Finding] = []
        switch limit {
        case nil: findings.append(Finding(.limit, subject, .unknown, "WhatsApp does not tell the messaging limit"))
        case .some(nil): findings.append(Finding(.limit, subject, .ok, "no limit of messages at WhatsApp"))
        case .some(let limit?):
            let seen = "WhatsApp allows \(limit.grouped) business-initiated messages in 24 hours"
            let above = senders.filter { $0.dailyLimit.map { $0 > limit } ?? true }.map(\.name)
            findings.append(
                above.isEmpty
                    ? Finding(.limit, subject, .ok, seen)
                    : Finding(
                        .limit,
                        subject,
                        .warn,
                        "\(seen), less than the spec of \(above.joined(separator: ", ")) says; the lower one counts",
                        remedy: "write `dailyLimit: \(limit)`, so that plans count with it before the account is read"
                    )
            )
            let groups = Set(senders.map(\.quotaGroup))
            if groups.count > 1 {
                findings.append(
                    Finding(
                        .limit,
                        subject,
                        .warn,
                        "\(senders.map(\.name).joined(separator: ", ")) share this limit, and each counts for itself",
                        remedy: portfolio == nil
                            ? "give the `Account` its `businessId`, or them one `quotaGroup`, and reconcile"
                            : "name the same `quotaGroup` in all of them, or in none, and reconcile"
                    )
                )
            }
        }
        if let (count, most) = templates, most > 0, count * 10 >= most * 9 {
            let seen = "\(count.grouped) of at most \(most.grouped) templates, each language counted"
            findings.append(
                Finding(
                    .limit,
                    subject,
                    count >= most ? .fail : .warn,
                    seen,
                    remedy: "delete templates that nothing uses, or verify the business"
                )
            )
        }
        return findings
    }

    /// Judges whether WhatsApp sends the account's webhooks to our app.
    static func subscription(_ json: JSONValue, app: String?, account: String, subject: String) -> Finding {
        let apps = (json["data"]?.arrayValue ?? []).compactMap { entry in
            entry["whatsapp_business_api_data"]?.text("id") ?? entry.text("id")
        }
        let remedy = "POST /\(account)/subscribed_apps with the token of the app"
        guard !apps.isEmpty else {
            return Finding(.subscription, subject, .fail, "no app gets the webhooks of the account", remedy: remedy)
        }
        let list = apps.joined(separator: ", ")
        guard let app else { return Finding(.subscription, subject, .ok, "webhooks go to app \(list)") }
        return apps.contains(app)
            ? Finding(.subscription, subject, .ok, "webhooks go to app \(app)")
            : Finding(.subscription, subject, .fail, "webhooks go to app \(list), not to \(app)", remedy: remedy)
    }

    /// Judges the address to which the webhooks of a number go.
    ///
    /// - Parameters:
    ///   - number: The number.
    ///   - expected: Our own address; `nil` if it is not known.
    ///   - subject: What the finding is about.
    /// - Returns: The finding.
    static func address(_ number: SeenNumber, expected: String?, subject: String) -> Finding {
        let fields = number.webhooks
        let levels = ["phone_number", "whatsapp_business_account", "application"]
        guard let level = levels.first(where: { fields?.text($0) != nil }), let address = fields?.text(level) else {
            return Finding(
                .address,
                subject,
                .fail,
                "WhatsApp has no address for webhooks",
                remedy: "name the address \(expected ?? "of the webhook") in the app, under WhatsApp > Configuration"
            )
        }
        let words = level.replacing("_", with: " ")
        guard let expected else {
            return Finding(
                .address,
                subject,
                .unknown,
                "webhooks go to \(address), set for the \(words)",
                remedy: "set PUBLIC_URL to the address of the daemon from outside, to have it compared"
            )
        }
        guard address == expected else {
            return Finding(
                .address,
                subject,
                .fail,
                "webhooks go to \(address), set for the \(words), not to \(expected)",
                remedy: "change the callback URL of the \(words), or PUBLIC_URL"
            )
        }
        return Finding(.address, subject, .ok, "webhooks go to \(address)")
    }

    /// Judges a template that campaigns use.
    static func template(_ seen: SeenTemplate?, _ use: AccountUse.Template) -> Finding {
        let subject = "\(use.whatsappName) (\(use.language))"
        let users =
            use.campaigns.prefix(3).joined(separator: ", ")
            + (use.campaigns.count > 3 ? " and \(use.campaigns.count - 3) more" : "")
        guard let seen else {
            let remedy = "submit it, or correct `whatsappName` and `language` of its spec"
            return Finding(.templates, subject, .fail, "not at WhatsApp, used by \(users)", remedy: remedy)
        }
        let reason = seen.reason.map { " (\($0))" } ?? ""
        switch seen.status ?? "unknown" {
        case "APPROVED":
            guard let category = seen.category, category != use.category else {
                return Finding(.templates, subject, .ok, "approved, quality \(seen.quality ?? "unknown")")
            }
            let text = "approved as \(category), not as \(use.category), which changes its price"
            return Finding(.templates, subject, .warn, text, remedy: "correct `category` of its spec")
        case "PENDING", "IN_APPEAL":
            return Finding(.templates, subject, .warn, "in review, used by \(users)", remedy: "wait for the approval")
        case let status:
            return Finding(
                .templates,
                subject,
                .fail,
                "\(status)\(reason), used by \(users)",
                remedy: seen.advice ?? "mend or replace it, or take it out of the campaigns"
            )
        }
    }

    /// Judges the difference of the clocks.
    ///
    /// - Parameters:
    ///   - theirs: The time of WhatsApp's answer; `nil` if it has none.
    ///   - ours: The time in the middle of the call.
    /// - Returns: The finding.
    static func clock(theirs: Date?, ours: Date) -> Finding {
        guard let theirs else { return Finding(.clock, "this machine", .unknown, "the answer of WhatsApp has no time") }
        let skew = ours.timeIntervalSince(theirs)
        let seen = "\(Int(abs(skew).rounded())) s \(skew < 0 ? "behind" : "ahead of") WhatsApp's clock"
        guard abs(skew) > longestSkew else { return Finding(.clock, "this machine", .ok, seen) }
        return Finding(.clock, "this machine", .fail, seen, remedy: "let NTP set the clock of this machine")
    }
}
