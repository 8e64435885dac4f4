import JSON
import Logging
import Store

/// An event of WhatsApp that is logged when it arrives; one that has an effect is told by its effect as well.
package struct WebhookNotice: Hashable, Sendable {
    let level: Logger.Level
    let text: String
    let metadata: [String: String]
}

extension WebhookPayload {
    /// Returns what is to be logged of the changes.
    func notices() -> [WebhookNotice] { changes.flatMap(\.notices) }
}

extension WebhookPayload.Change {
    /// The lines for the log: one for the change, and one for each error of WhatsApp's own.
    fileprivate var notices: [WebhookNotice] {
        let errors = (value["errors"]?.arrayValue ?? []).map { error in
            var metadata = names
            metadata["code"] = error["code"]?.integerValue.map(String.init)
            metadata["error"] =
                error["error_data"]?["details"]?.stringValue ?? error["message"]?.stringValue
                ?? error["title"]?.stringValue
            return WebhookNotice(level: .warning, text: "Error reported by WhatsApp", metadata: metadata)
        }
        guard let (level, text) = headline else { return errors }
        return errors + [WebhookNotice(level: level, text: text, metadata: names.merging(details) { $1 })]
    }

    /// The account, number and template that the change names.
    private var names: [String: String] {
        var names: [String: String] = [:]
        names["account"] = subjectAccount(account)
        names["number"] = text("display_phone_number") ?? value["metadata"]?["phone_number_id"]?.stringValue
        names["template"] = text("message_template_name")
        names["language"] = text("message_template_language")
        return names
    }

    private var details: [String: String] {
        let plain = [
            "event", "decision", "previous_quality_score", "new_quality_score", "previous_category", "new_category",
            "correct_category", "requested_verified_name", "rejection_reason", "requester",
        ]
        var details: [String: String] = [:]
        for key in plain { details[key] = text(key) }
        details["reason"] = reasonText
        details["limit"] = messagingLimit.map { $0.map(String.init) ?? "unlimited" }
        details["violation"] = value["violation_info"]?["violation_type"]?.stringValue
        let types = restrictions.compactMap { $0["restriction_type"]?.stringValue }
        details["restrictions"] = types.isEmpty ? nil : types.joined(separator: ", ")
        details["alert"] = value["alert_info"]?["alert_type"]?.stringValue
        details["details"] = value["alert_info"]?["alert_description"]?.stringValue
        return details
    }

    /// The line for the log and its level; `nil` for fields of which nothing is logged.
    private var headline: (level: Logger.Level, text: String)? {
        let event = text("event") ?? ""
        func level(_ isBad: Bool) -> Logger.Level { isBad ? .warning : .notice }
        switch field {
        case "message_template_status_update":
            let isBad =
                TemplateState.stopped.contains(event) || ["FLAGGED", "LOCKED", "LIMIT_EXCEEDED"].contains(event)
            return (level(isBad), "Template status reported by WhatsApp")
        case "message_template_quality_update":
            return (level(text("new_quality_score") == "RED"), "Template quality reported by WhatsApp")
        case "template_category_update", "template_correct_category_detection":
            return (.warning, "Template category changed by WhatsApp, its price and rules change")
        case "message_template_components_update":
            return (.notice, "Template changed at WhatsApp, compare it with its spec")
        case "phone_number_quality_update":
            return (level(["FLAGGED", "DOWNGRADE"].contains(event)), "Number quality reported by WhatsApp")
        case "business_capability_update":
            return (.notice, "Messaging limit reported by WhatsApp, the 24 h quota is at most this")
        case "phone_number_name_update": return (.notice, "Display name of a number reviewed by WhatsApp")
        case "security": return (.warning, "Two-step verification of a number changed")
        case "account_alerts": return (.warning, "Account alert from WhatsApp")
        case "account_review_update": return (level(text("decision") == "REJECTED"), "Account reviewed by WhatsApp")
        case "account_update": return (level(Self.warnings.contains(event)), "Account event from WhatsApp")
        default: return nil
        }
    }

    private static let warnings: Set<String> = [
        "ACCOUNT_DELETED", "ACCOUNT_OFFBOARDED", "ACCOUNT_RESTRICTION", "ACCOUNT_VIOLATION", "DISABLED_UPDATE",
        "PARTNER_REMOVED",
    ]
}
