import JSON

/// The body of a status webhook, in the shape of the real service.
struct StatusPayload: Sendable {
    let accountID: String
    let displayPhoneNumber: String
    let pricingCategory: String

    /// Puts events into one body in their order, with one change per phone number.
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
            // Contacts stand beside the statuses, so each status has a change of its own.
            if event.subject.message.userID != nil {
                changes.append((id, [event]))
                continue
            }
            if let index = changes.firstIndex(where: {
                $0.phoneNumberID == id && $0.events[0].subject.message.userID == nil
            }) {
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
        json.raw("},")
        if let first = change.events.first { appendContact(of: first, to: &json) }
        json.raw("\"statuses\":[")
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
        json.string(message.waID, asciiOnly: true)
        if let userID = message.userID, message.recipient.kind == .phone, !event.status.isFailure {
            json.raw(",\"recipient_user_id\":")
            json.string(userID, asciiOnly: true)
        }
        if let data = message.callbackData {
            json.raw(",\"biz_opaque_callback_data\":")
            json.string(data, asciiOnly: true)
        }
        switch event.status {
        case .sent, .delivered:
            let isFree = event.subject.isFree
            json.raw(",\"pricing\":{\"billable\":\(!isFree),\"pricing_model\":\"PMP\",\"type\":\"")
            json.raw(isFree ? "free_customer_service" : "regular")
            json.raw("\",\"category\":")
            json.string(message.isTemplate ? message.category ?? pricingCategory : "service", asciiOnly: true)
            json.raw("}")
        case .read: break
        case .failed(let code, let details): appendError(code, details: details, to: &json)
        }
        json.raw("}")
    }

    /// Names the contact; after a failure only by its number.
    private func appendContact(of event: StatusEvent, to json: inout JSONWriter) {
        let message = event.subject.message
        guard let userID = message.userID, message.recipient.kind != .group else { return }
        json.raw("\"contacts\":[{")
        if message.recipient.kind == .phone {
            json.raw("\"wa_id\":")
            json.string(message.waID, asciiOnly: true)
        }
        if !event.status.isFailure || message.recipient.kind == .user {
            json.raw(message.recipient.kind == .phone ? ",\"user_id\":" : "\"user_id\":")
            json.string(userID, asciiOnly: true)
        }
        json.raw("}],")
    }

    private func appendError(_ code: Int, details: String?, to json: inout JSONWriter) {
        let title = GraphError.title(of: code)
        json.raw(",\"errors\":[{\"code\":\(code),\"title\":")
        json.string(title)
        json.raw(",\"message\":")
        json.string(title)
        json.raw(",\"error_data\":{\"details\":")
        json.string(details ?? "reported by the simulator")
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

/// Decides which statuses a message gets, at which times, and with which faults.
struct StatusLadder: Sendable {
    let configuration: WebhookConfiguration
    let dice: Dice

    /// Returns the statuses of the message that is the `attempt`-th request of its recipient, the first one first;
    /// never empty.
    func rungs(for message: AdmittedMessage, attempt: UInt64, faults: SimulatorFaults, failure: PendingMessage.Status?)
        -> [PendingMessage.Rung]
    {
        let roll = { (purpose: Dice.Purpose, index: Int) in
            dice.roll(purpose, recipient: message.recipient.key, attempt: attempt, index: index)
        }
        var rungs = plainRungs(failure: failure, roll: roll)
        if faults.webhooks.reorderedShare > 0, roll(.reordered, 0) < faults.webhooks.reorderedShare {
            let statuses = rungs.map(\.status)
            for (index, status) in statuses.reversed().enumerated() { rungs[index].status = status }
        }
        for index in rungs.indices {
            rungs[index].isDropped = roll(.dropped, index) < faults.webhooks.droppedShare
            rungs[index].isDuplicated = roll(.duplicated, index) < faults.webhooks.duplicatedShare
            if roll(.delayed, index) < faults.webhooks.delayedShare {
                rungs[index].delay += Int64(faults.webhooks.delaySeconds * 1e9)
            }
        }
        return rungs
    }

    private func plainRungs(
        failure: PendingMessage.Status?,
        roll: (Dice.Purpose, Int) -> Double
    ) -> [PendingMessage.Rung] {
        let sent = PendingMessage.Rung(status: .sent, delay: delay(configuration.sentDelay, roll(.sentDelay, 0)))
        let second = delay(configuration.deliveredDelay, roll(.deliveredDelay, 0))
        // One roll divides all messages into failed, read, delivered only, and sent only.
        let outcome = roll(.outcome, 0)
        if failure != nil || outcome < configuration.failedShare {
            return [sent, .init(status: failure ?? .failed(code: configuration.failedCode), delay: second)]
        }
        guard outcome < configuration.failedShare + configuration.deliveredShare else { return [sent] }
        let delivered = PendingMessage.Rung(status: .delivered, delay: second)
        guard outcome < configuration.failedShare + configuration.readShare else { return [sent, delivered] }
        let third = delay(configuration.readDelay, roll(.readDelay, 0))
        if roll(.omittedDelivered, 0) < configuration.omittedDeliveredShare {
            return [sent, .init(status: .read, delay: second + third)]
        }
        return [sent, delivered, .init(status: .read, delay: third)]
    }

    private func delay(_ range: ClosedRange<Duration>, _ roll: Double) -> Int64 {
        let lower = range.lowerBound.nanoseconds
        return lower + Int64(Double(range.upperBound.nanoseconds - lower) * roll)
    }
}
