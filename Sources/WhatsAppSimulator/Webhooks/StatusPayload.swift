/// The body of a status webhook, in the shape of the real service.
struct StatusPayload: Sendable {
    let accountID: String
    let displayPhoneNumber: String
    let pricingCategory: String

    /// Puts events into one body, one change per phone number, in their order.
    func body(of events: [StatusEvent], at seconds: Int64) -> [UInt8] {
        var json = JSONWriter(capacity: 320 + events.count * 400)
        json.raw("{\"object\":\"whatsapp_business_account\",\"entry\":[{\"id\":")
        json.string(accountID, asciiOnly: true)
        json.raw(",\"changes\":[")
        for (index, change) in changes(of: events).enumerated() {
            if index > 0 { json.raw(",") }
            append(change, at: seconds, to: &json)
        }
        json.raw("]}]}")
        return json.bytes
    }

    private func changes(of events: [StatusEvent]) -> [(phoneNumberID: String, events: [StatusEvent])] {
        var changes: [(phoneNumberID: String, events: [StatusEvent])] = []
        for event in events {
            let id = event.subject.phoneNumberID
            if let index = changes.firstIndex(where: { $0.phoneNumberID == id }) {
                changes[index].events.append(event)
            } else {
                changes.append((id, [event]))
            }
        }
        return changes
    }

    private func append(
        _ change: (phoneNumberID: String, events: [StatusEvent]),
        at seconds: Int64,
        to json: inout JSONWriter
    ) {
        json.raw("{\"field\":\"messages\",\"value\":{\"messaging_product\":\"whatsapp\",\"metadata\":{")
        json.raw("\"display_phone_number\":")
        json.string(displayPhoneNumber, asciiOnly: true)
        json.raw(",\"phone_number_id\":")
        json.string(change.phoneNumberID, asciiOnly: true)
        json.raw("},\"statuses\":[")
        for (index, event) in change.events.enumerated() {
            if index > 0 { json.raw(",") }
            append(event, at: seconds, to: &json)
        }
        json.raw("]}}")
    }

    private func append(_ event: StatusEvent, at seconds: Int64, to json: inout JSONWriter) {
        let message = event.subject.message
        json.raw("{\"id\":")
        json.string(event.subject.wamid)
        json.raw(",\"status\":\"\(Self.name(of: event.status))\",\"timestamp\":\"\(seconds)\"")
        json.raw(message.recipient.kind == .user ? ",\"recipient_user_id\":" : ",\"recipient_id\":")
        json.string(message.recipient.id, asciiOnly: true)
        if let data = message.callbackData {
            json.raw(",\"biz_opaque_callback_data\":")
            json.string(data, asciiOnly: true)
        }
        switch event.status {
        case .sent, .delivered:
            json.raw(",\"pricing\":{\"billable\":true,\"pricing_model\":\"PMP\",\"type\":\"regular\",\"category\":")
            json.string(message.isTemplate ? pricingCategory : "service", asciiOnly: true)
            json.raw("}")
        case .read: break
        case .failed(let code): appendError(code, to: &json)
        }
        json.raw("}")
    }

    private func appendError(_ code: Int, to json: inout JSONWriter) {
        let title = GraphError.title(of: code)
        json.raw(",\"errors\":[{\"code\":\(code),\"title\":")
        json.string(title)
        json.raw(",\"message\":")
        json.string(title)
        json.raw(",\"error_data\":{\"details\":")
        json.string("told by the simulator")
        json.raw("}}]")
    }

    private static func name(of status: PendingMessage.Status) -> String {
        switch status {
        case .sent: "sent"
        case .delivered: "delivered"
        case .read: "read"
        case .failed: "failed"
        }
    }
}
