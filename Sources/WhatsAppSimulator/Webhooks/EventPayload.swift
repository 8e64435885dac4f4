import JSON

/// The bodies of webhooks besides statuses, in the shape of the real service.
struct EventPayload: Sendable {
    let accountID: String
    let displayPhoneNumber: String

    /// Wraps one change.
    func body(field: String, value: JSONValue, at seconds: Int64, account: String? = nil) -> [UInt8] {
        let body: JSONValue = [
            "object": "whatsapp_business_account",
            "entry": [
                [
                    "id": .string(account ?? accountID), "time": .integer(Int(seconds)),
                    "changes": [["field": .string(field), "value": value]],
                ]
            ],
        ]
        return Array(body.canonicalText.utf8)
    }

    /// Makes the message of a contact; `content` has its type and what belongs to the type.
    func message(
        _ id: String,
        from recipient: Recipient,
        name: String,
        to phoneNumberID: String,
        content: [String: JSONValue],
        at seconds: Int64
    ) -> [UInt8] {
        let waID = ContactNames.waID(of: recipient.id)
        let userID = recipient.kind == .user ? recipient.id : ContactNames.userID(of: waID)
        var message = content
        message["id"] = .string(id)
        message["from"] = recipient.kind == .user ? nil : .string(waID)
        message["from_user_id"] = .string(userID)
        message["timestamp"] = .string("\(seconds)")
        var contact: [String: JSONValue] = ["profile": ["name": .string(name)], "user_id": .string(userID)]
        contact["wa_id"] = recipient.kind == .user ? nil : .string(waID)
        let value: JSONValue = [
            "messaging_product": "whatsapp", "metadata": metadata(phoneNumberID), "contacts": [.object(contact)],
            "messages": [.object(message)],
        ]
        return body(field: "messages", value: value, at: seconds)
    }

    /// Makes the report of a choice in WhatsApp's own settings.
    func preference(_ recipient: Recipient, value: String, to phoneNumberID: String, at seconds: Int64) -> [UInt8] {
        let waID = ContactNames.waID(of: recipient.id)
        let userID = ContactNames.userID(of: waID)
        let value: JSONValue = [
            "messaging_product": "whatsapp", "metadata": metadata(phoneNumberID),
            "contacts": [["profile": ["name": "Contact"], "wa_id": .string(waID), "user_id": .string(userID)]],
            "user_preferences": [
                [
                    "wa_id": .string(waID), "user_id": .string(userID), "category": "marketing_messages",
                    "value": .string(value), "detail": "set in the simulator", "timestamp": .integer(Int(seconds)),
                ]
            ],
        ]
        return body(field: "user_preferences", value: value, at: seconds)
    }

    /// Makes the report of a template's status; the language has a hyphen here.
    func status(of template: SimulatorRules.Template, at seconds: Int64) -> [UInt8] {
        var value: [String: JSONValue] = [
            "event": .string(template.status),
            "message_template_id": .integer(Int(Recipient.hash(template.key) % 9_000_000_000_000_000)),
            "message_template_name": .string(template.name),
            "message_template_language": .string(template.language.replacing("_", with: "-")),
            "message_template_category": .string(template.category), "reason": "NONE",
        ]
        if template.status == "PAUSED" {
            value["other_info"] = ["title": "FIRST_PAUSE", "description": "Paused in the simulator"]
        }
        return body(field: "message_template_status_update", value: .object(value), at: seconds)
    }

    private func metadata(_ phoneNumberID: String) -> JSONValue {
        ["display_phone_number": .string(displayPhoneNumber), "phone_number_id": .string(phoneNumberID)]
    }
}
