import Foundation
import JSON
import Spec
import Store

extension WebhookPayload.Change {
    /// Returns a text of the change, without NUL, which a row cannot hold; `nil` for an empty one.
    func text(_ name: String) -> String? {
        guard let text = value[name]?.stringValue?.replacing("\0", with: ""), !text.isEmpty else { return nil }
        return text
    }

    /// Returns a short name of the change, such as an event, in the size of its column.
    private func name(_ key: String) -> String? { text(key).map { String($0.prefix(30)) } }

    /// Returns the account that the change is about: some events come in an entry of the partner's own id.
    func subjectAccount(_ entry: String?) -> String? {
        value["waba_info"]?["waba_id"]?.stringValue.flatMap(WebhookPayload.name) ?? entry
    }

    /// True for a change of a template, a number or an account, of which the webhook tells only a part.
    var isWorthReading: Bool {
        guard let field else { return false }
        return field.hasPrefix("message_template_") || field.hasPrefix("template_") || field.hasPrefix("phone_number_")
            || field.hasPrefix("account_") || field.hasPrefix("business_")
    }

    /// The name and the language of the template that the change is about.
    private var template: (name: String, language: String)? {
        guard let name = text("message_template_name"), name.utf8.count <= 512,
            let language = text("message_template_language"), language.utf8.count <= 20
        else { return nil }
        return (name, language)
    }

    /// The reason that people can read: WhatsApp's code, and the explanation that comes with it.
    var reasonText: String? {
        let parts = [
            text("reason").flatMap { $0 == "NONE" ? nil : $0 }, value["other_info"]?["title"]?.stringValue,
            value["other_info"]?["description"]?.stringValue, value["rejection_info"]?["reason"]?.stringValue,
            value["rejection_info"]?["recommendation"]?.stringValue,
        ]
        let text = parts.compactMap(\.self).filter { !$0.isEmpty }.joined(separator: ": ").replacing("\0", with: "")
        return text.isEmpty ? nil : String(text.prefix(1_000))
    }
}

extension WebhookPayload.Change {
    /// Returns the facts of a change that are kept.
    func facts(account: String, receivedAt now: Date) -> [AccountFact] {
        contents(at: now).map { AccountFact(businessAccountID: account, at: reportedAt(now), $0) }
    }

    /// Returns the time of the report; one in the future would keep later reports out.
    func reportedAt(_ now: Date) -> Date { min(time ?? now, now) }

    private func contents(at now: Date) -> [AccountFact.Content] {
        switch field {
        case "message_template_status_update":
            guard let template, let event = name("event") else { return [] }
            let isBack = value["other_info"]?["title"] == "UNPAUSE" || event == "UNPAUSED"
            return [
                .templateStatus(
                    name: template.name,
                    language: template.language,
                    status: isBack ? "APPROVED" : event,
                    reason: isBack ? nil : reasonText,
                    advice: isBack ? nil : value["rejection_info"]?["recommendation"]?.stringValue
                )
            ]
        case "message_template_quality_update":
            guard let template, let quality = name("new_quality_score") else { return [] }
            return [.templateQuality(name: template.name, language: template.language, quality)]
        case "template_category_update":
            guard let template, let category = name("new_category")?.lowercased() else { return [] }
            // An announcement has the present category as the new one.
            let next = name("correct_category")?.lowercased()
            return [
                .templateCategory(
                    name: template.name,
                    language: template.language,
                    category,
                    next: next == category ? nil : next
                )
            ]
        case "phone_number_quality_update":
            // Here `TIER_UNLIMITED` means a higher throughput.
            let limit = messagingLimit.flatMap { $0 }.map { AccountFact.Content.messagingLimit($0) }
            guard let number = text("display_phone_number"), let event = name("event") else {
                return [limit].compactMap(\.self)
            }
            return [.numberQuality(display: number, event: event)] + [limit].compactMap(\.self)
        case "business_capability_update": return messagingLimit.map { [.messagingLimit($0)] } ?? []
        case "account_update": return restriction.map { [.restriction($0.text, until: $0.until)] } ?? []
        default: return []
        }
    }

    /// The messaging limit in any of its spellings; `.some(nil)` for no limit, `nil` if the change names none.
    var messagingLimit: Int?? {
        let names = [
            "max_daily_conversations_per_business", "max_daily_conversation_per_phone",
            "max_daily_conversations_per_phone", "current_limit",
        ]
        return names.lazy.compactMap { Self.limit(value[$0]) }.first
    }

    /// Reads `250`, `"250"`, `-1` or `TIER_2K`.
    static func limit(_ value: JSONValue?) -> Int?? {
        if let number = value?.integerValue ?? value?.stringValue.flatMap({ Int($0) }) {
            guard number >= 0 else { return number == -1 ? .some(nil) : nil }
            return .some(Int(Int32(clamping: number)))
        }
        guard let text = value?.stringValue, text.uppercased().hasPrefix("TIER_") else { return nil }
        return MessagingTier.limit(text)
    }
}

extension WebhookPayload.Change {
    /// The restrictions of an account that forbid sending, with the end of the last one; without a text if they ended.
    var restriction: (text: String?, until: Date?)? {
        let event = text("event")
        // A warning comes without restrictions too, but a recovery says so.
        let violation = value["violation_info"]?["violation_type"]?.stringValue ?? ""
        if ["ACCOUNT_RECONNECTED", "VERIFIED_ACCOUNT"].contains(event)
            || event == "DISABLED_UPDATE" && isReinstated
            || event == "ACCOUNT_RESTRICTION" && (violation.hasSuffix("_UNBAN") || violation.hasSuffix("_RECOVERY"))
        {
            return (nil, nil)
        }
        guard event == "ACCOUNT_RESTRICTION" else { return nil }
        let forbidding = restrictions.compactMap { restriction -> (String, Date?)? in
            guard let type = restriction["restriction_type"]?.stringValue, Self.forbidsSending(type) else { return nil }
            return (type.replacing("\0", with: ""), WebhookPayload.date(restriction["expiration"]))
        }
        guard !forbidding.isEmpty else { return nil }
        // One without an end goes on until WhatsApp lifts it.
        let ends = forbidding.compactMap(\.1)
        let text = Set(forbidding.map(\.0)).sorted().joined(separator: ", ")
        return (String(text.prefix(1_000)), ends.count == forbidding.count ? ends.max() : nil)
    }

    /// The list of restrictions, which may also come as one object.
    var restrictions: [JSONValue] {
        value["restriction_info"]?.arrayValue ?? value["restriction_info"].map { [$0] } ?? []
    }

    /// Returns false for a restriction of other things than sending, such as the addition of phone numbers.
    private static func forbidsSending(_ type: String) -> Bool {
        type.hasPrefix("RESTRICTED_") && type.hasSuffix("_INITIATED_MESSAGING")
    }

    /// True if a `DISABLED_UPDATE` says that the account was reinstated.
    private var isReinstated: Bool {
        let state = value["ban_info"]?["waba_ban_state"]
        return (state?.arrayValue ?? [state ?? .null]).contains("REINSTATE")
    }

    /// Returns what WhatsApp blocked; `nil` when the change is only a notice.
    func stop(account: String, receivedAt now: Date) -> InboundReport.Stop? {
        func stop(
            _ subject: InboundReport.Stop.Subject,
            _ reason: String,
            isHold: Bool = false
        ) -> InboundReport.Stop {
            .init(businessAccountID: account, subject: subject, reason: reason, at: reportedAt(now), isHold: isHold)
        }
        let event = text("event") ?? ""
        let reason = reasonText.map { ", \($0)" } ?? ""
        switch field {
        case "message_template_status_update":
            guard TemplateState.stopped.contains(event), let template else { return nil }
            return stop(
                .template(name: template.name, language: template.language),
                "WhatsApp says of template `\(template.name)` (\(template.language)): \(event)\(reason)",
                isHold: event == "PAUSED"
            )
        case "phone_number_quality_update":
            guard event == "FLAGGED", let number = text("display_phone_number") else { return nil }
            return stop(
                .number(display: number),
                "WhatsApp has flagged the number for its quality: sending on would get it restricted"
            )
        case "account_update": return blockOfAccount(event, at: now).map { stop(.account, $0) }
        case "account_review_update":
            guard text("decision") == "REJECTED" else { return nil }
            return stop(.account, "WhatsApp says of the account: review REJECTED; appeal in Business Support Home")
        default: return nil
        }
    }

    /// Returns the reason for which an account cannot send any more; `nil` if an event is no such block.
    private func blockOfAccount(_ event: String, at now: Date) -> String? {
        let prefix = "WhatsApp says of the account: \(event)"
        switch event {
        case "ACCOUNT_RESTRICTION":
            guard let restriction, let text = restriction.text else { return nil }
            // WhatsApp repeats webhooks for days; without the time of the report it is not known to be old.
            if time != nil, let until = restriction.until, until <= now { return nil }
            return "\(prefix), \(text)" + (restriction.until.map { " until \($0.formatted(.iso8601))" } ?? "")
        case "PARTNER_REMOVED", "ACCOUNT_OFFBOARDED":
            let why = value["disconnection_info"]?["reason"]?.stringValue.map { ", \($0)" } ?? ""
            return "\(prefix)\(why); it must be connected again"
        case "DISABLED_UPDATE" where !isReinstated:
            return prefix + (value["ban_info"]?["waba_ban_date"]?.stringValue.map { ", \($0)" } ?? "")
        case "ACCOUNT_DELETED": return prefix
        default: return nil
        }
    }
}
