import JSON
import Store

/// One change in a webhook, counted by its type.
package struct WebhookEvent: Hashable, Sendable {
    /// The field, with the event for fields that have several: `account_update.ACCOUNT_VIOLATION`.
    let type: String
    /// False for a type that this version does not know.
    let isKnown: Bool
}

/// The fields of webhooks, with the events of those that have several.
///
/// Source: Meta's reference of webhooks, September 2026.
private let knownFields: [String: Set<String>] = [
    "message_template_status_update": [
        "APPROVED", "ARCHIVED", "DELETED", "DISABLED", "FLAGGED", "IN_APPEAL", "LIMIT_EXCEEDED", "LOCKED", "PAUSED",
        "PENDING", "PENDING_DELETION", "REINSTATED", "REJECTED", "UNARCHIVED", "UNFLAGGED", "UNLOCKED", "UNPAUSED",
    ],
    "message_template_quality_update": [], "message_template_components_update": [], "template_category_update": [],
    "template_correct_category_detection": [],
    "phone_number_quality_update": [
        "DOWNGRADE", "FLAGGED", "ONBOARDING", "THROUGHPUT_UPGRADE", "UNFLAGGED", "UPGRADE",
    ],
    "business_capability_update": [], "phone_number_name_update": [], "security": [], "account_alerts": [],
    "account_review_update": [], "calls": [], "messages": [], "user_preferences": [],
    "account_update": [
        "ACCOUNT_DELETED", "ACCOUNT_OFFBOARDED", "ACCOUNT_RECONNECTED", "ACCOUNT_RESTRICTION", "ACCOUNT_VIOLATION",
        "AD_ACCOUNT_LINKED", "AUTH_INTL_PRICE_ELIGIBILITY_UPDATE", "BUSINESS_PRIMARY_LOCATION_COUNTRY_UPDATE",
        "DISABLED_UPDATE", "MM_LITE_TERMS_SIGNED", "PARTNER_ADDED", "PARTNER_APP_INSTALLED", "PARTNER_APP_UNINSTALLED",
        "PARTNER_CLIENT_CERTIFICATION_STATUS_UPDATE", "PARTNER_REMOVED", "VERIFIED_ACCOUNT",
        "VOLUME_BASED_PRICING_TIER_UPDATE",
    ],
    // Counted, and of no effect.
    "account_settings_update": [], "automatic_events": [], "business_status_update": [],
    "business_username_updates": [], "flows": [], "group_lifecycle_update": [], "group_participants_update": [],
    "group_settings_update": [], "group_status_update": [], "history": [], "message_echoes": [],
    "messaging_handovers": [], "partner_solutions": [], "payment_configuration_update": [], "smb_app_state_sync": [],
    "smb_message_echoes": [], "standby": [], "tracking_events": [], "user_id_update": [],
]

extension WebhookPayload {
    /// Returns the types of changes, without those of statuses and messages, which have metrics of their own.
    func events() -> [WebhookEvent] { changes.flatMap(\.events) }
}

extension WebhookPayload.Change {
    fileprivate var events: [WebhookEvent] {
        let field = self.field ?? "none"
        if field == "messages" { return unreadPreferences + unreadStatuses }
        guard let known = knownFields[field] else { return [WebhookEvent(type: field, isKnown: false)] }
        guard !known.isEmpty, let event = text("event") else {
            return [WebhookEvent(type: field, isKnown: true)] + unreadPreferences + unreadStatuses
        }
        return [WebhookEvent(type: "\(field).\(event)", isKnown: known.contains(event))] + unreadStatuses
    }

    /// The choices of people that this version does not know, which change no consent.
    private var unreadPreferences: [WebhookEvent] {
        (value["user_preferences"]?.arrayValue ?? []).compactMap { preference in
            guard Self.consent(in: preference) == nil else { return nil }
            let names = [preference["category"], preference["value"]].map { $0?.stringValue ?? "none" }
            return WebhookEvent(type: "user_preferences.\(names.joined(separator: "."))", isKnown: false)
        }
    }

    /// The statuses that this version does not know, which move no message.
    private var unreadStatuses: [WebhookEvent] {
        (value["statuses"]?.arrayValue ?? []).compactMap { status in
            guard let name = status["status"]?.stringValue, DeliveryStatus.Rank(name: name) == nil else { return nil }
            return WebhookEvent(type: "status.\(name)", isKnown: false)
        }
    }
}
