import Foundation
package import JSON
import Spec
import Store

/// The parts of a WhatsApp webhook that the runtime reads: statuses, inbound messages and blocks.
///
/// Everything else is ignored, so new fields and events are never an error. An unreadable element does not prevent its
/// siblings from being read.
package struct WebhookPayload {
    /// One change that the webhook reports.
    struct Change {
        /// The WhatsApp Business Account.
        let account: String?
        /// The time of the report; `nil` if there is none.
        let time: Date?
        let field: String?
        let value: JSONValue
    }

    let changes: [Change]

    /// Reads a body.
    ///
    /// Reading is lenient: text that is not valid Unicode (phones cut names in the middle of a character), a number out of
    /// range or a duplicate key must not hide the other reports. WhatsApp would repeat the webhook, and in the end send
    /// none at all.
    ///
    /// - Throws: `JSONError` when the body is not JSON.
    package init(parsing bytes: some Collection<UInt8>) throws(JSONError) {
        let json = try JSONValue(parsing: bytes, isLenient: true)
        changes = (json["entry"]?.arrayValue ?? []).flatMap { entry in
            let account = entry["id"]?.stringValue
            let time = Self.time(entry["time"])
            return (entry["changes"]?.arrayValue ?? []).compactMap { change in
                change["value"].map {
                    Change(account: account, time: time, field: change["field"]?.stringValue, value: $0)
                }
            }
        }
    }

    /// Reads a time in seconds since 1970, which some webhooks hold as text and others as a number; `nil` if it is not a
    /// number, or too large for a date.
    static func time(_ value: JSONValue?) -> Date? {
        let seconds: Double? =
            switch value {
            case .string(let text): Double(text)
            case .integer(let number): Double(number)
            case .number(let number): number
            default: nil
            }
        guard let seconds, (0..<7_258_118_400).contains(seconds) else { return nil }
        return Date(timeIntervalSince1970: seconds)
    }

    /// Reads a time in seconds since 1970, or in ISO 8601; `nil` for anything else.
    static func date(_ value: JSONValue?) -> Date? {
        time(value) ?? value?.stringValue.flatMap { try? Date($0, strategy: .iso8601) }
    }

    /// Returns the id of a message; `nil` if it does not fit into a row.
    static func id(_ text: String) -> String? {
        (1...512).contains(text.utf8.count) && !text.utf8.contains(0) ? text : nil
    }

    /// Returns the delivery statuses, in their order.
    func deliveryStatuses(receivedAt now: Date) -> [DeliveryStatus] {
        changes.flatMap { $0.value["statuses"]?.arrayValue ?? [] }.compactMap { status in
            guard let id = status["id"]?.stringValue.flatMap(Self.id),
                let rank = status["status"]?.stringValue.flatMap(DeliveryStatus.Rank.init(name:))
            else { return nil }
            return DeliveryStatus(
                waMessageID: id,
                messageID: status["biz_opaque_callback_data"]?.stringValue.flatMap(UUID.init(apiText:)),
                rank: rank,
                // A time in the future would be wrong: nothing is reported before it happens.
                at: min(Self.time(status["timestamp"]) ?? now, now),
                failure: status["errors"]?[0].map(Self.failure),
                pricing: status["pricing"].flatMap(Self.pricing)
            )
        }
    }

    /// Returns the type and the category of a price, such as `regular/marketing`; `nil` if it has no category.
    ///
    /// `billable` is going to be removed, so it decides only where there is no type.
    static func pricing(_ price: JSONValue) -> String? {
        func word(_ text: String?) -> String? {
            guard let text = text?.lowercased(), (1...40).contains(text.utf8.count) else { return nil }
            let isPlain = text.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: "_")
                    || byte == UInt8(ascii: "-")
            }
            return isPlain ? text : nil
        }
        let former = price["billable"]?.boolValue == false ? "free" : "regular"
        return word(price["category"]?.stringValue).map { "\(word(price["type"]?.stringValue) ?? former)/\($0)" }
    }

    private static func failure(_ problem: JSONValue) -> MessageOutcome.Failure {
        let text =
            problem["error_data"]?["details"]?.stringValue ?? problem["message"]?.stringValue
            ?? problem["title"]?.stringValue ?? ""
        let code = problem["code"]?.integerValue
        return MessageOutcome.Failure(
            reported: RefusalFacts(code: code, subcode: problem["error_subcode"]?.integerValue, details: text),
            code: code.map(String.init) ?? "unknown",
            // A text column cannot hold NUL, but the status must still be stored.
            message: text.replacing("\0", with: "")
        )
    }
}

extension WebhookPayload {
    /// The numbers and accounts of all changes.
    var sources: Set<WebhookSource> {
        Set(
            changes.map { change in
                WebhookSource(
                    phoneNumberID: change.value["metadata"]?["phone_number_id"]?.stringValue,
                    businessAccountID: change.account
                )
            }
        )
    }

    /// Returns everything besides statuses.
    func inboundReport(receivedAt now: Date) -> InboundReport {
        var report = InboundReport()
        for change in changes {
            let account = change.account.flatMap(Self.name)
            let metadata = change.value["metadata"]
            if let number = metadata?["phone_number_id"]?.stringValue.flatMap(Self.name) {
                report.numbers.insert(
                    InboundReport.Number(
                        phoneNumberID: number,
                        displayPhoneNumber: metadata?["display_phone_number"]?.stringValue.flatMap(Self.name),
                        businessAccountID: account
                    )
                )
                report.messages += change.inboundMessages(to: number, receivedAt: now)
                report.preferences += change.preferences(of: number, receivedAt: now)
                report.moves += change.moves(to: number, receivedAt: now)
            }
            guard let account = change.subjectAccount(account) else { continue }
            report.facts += change.facts(account: account, receivedAt: now)
            if change.isWorthReading { report.changedAccounts.insert(account) }
            if let stop = change.stop(account: account, receivedAt: now) { report.stops.append(stop) }
        }
        return report
    }

    /// Returns a name if a column can hold it: one that cannot be stored must not prevent the rest from being stored.
    static func name(_ text: String) -> String? {
        text.utf8.count <= 50 && !text.utf8.contains(0) ? text : nil
    }
}

extension WebhookPayload.Change {
    fileprivate func inboundMessages(to number: String, receivedAt now: Date) -> [InboundReport.Message] {
        ((value["messages"]?.arrayValue ?? []) + inboundCalls).compactMap { message in
            // A `system` message, such as a change of number, was not written by the contact, so it does not open the 24 h
            // window.
            guard let id = message["id"]?.stringValue.flatMap(WebhookPayload.id), message["type"] != "system",
                let person = person(message, number: message["from"], repliesTo: message["context"]?["id"])
            else { return nil }
            return InboundReport.Message(
                id: id,
                phoneNumberID: number,
                person: person,
                // A time in the future would keep the 24 h window open for too long.
                at: min(WebhookPayload.time(message["timestamp"]) ?? now, now),
                texts: Self.words(of: message),
                isButton: message["button"] != nil || message["interactive"] != nil
            )
        }
    }

    /// The calls of contacts, which open the 24 h window as messages do.
    private var inboundCalls: [JSONValue] {
        guard field == "calls" else { return [] }
        return (value["calls"]?.arrayValue ?? []).filter { $0["direction"] != "BUSINESS_INITIATED" }
    }

    /// Returns the text of a message, or the title and the payload of the button that was pressed.
    private static func words(of message: JSONValue) -> [String] {
        let (button, interactive) = (message["button"], message["interactive"])
        let reply = interactive?["button_reply"] ?? interactive?["list_reply"]
        let texts = [message["text"]?["body"], button?["text"], button?["payload"], reply?["title"], reply?["id"]]
        return texts.compactMap { $0?.stringValue }
    }

    fileprivate func preferences(of number: String, receivedAt now: Date) -> [InboundReport.Preference] {
        (value["user_preferences"]?.arrayValue ?? []).compactMap { preference in
            guard let person = person(preference, number: preference["wa_id"]),
                let isOptedIn = Self.consent(in: preference)
            else { return nil }
            return InboundReport.Preference(
                phoneNumberID: number,
                person: person,
                isOptedIn: isOptedIn,
                at: min(WebhookPayload.time(preference["timestamp"]) ?? now, now)
            )
        }
    }

    /// Returns the consent to marketing messages that a preference gives or withdraws; `nil` for one that this version does not
    /// know, which changes nothing.
    ///
    /// Meta's reference names `stop` and `resume`, of the category `marketing_messages`.
    static func consent(in preference: JSONValue) -> Bool? {
        guard preference["category"].map({ $0 == "marketing_messages" }) ?? true else { return nil }
        switch preference["value"]?.stringValue {
        case "stop": return false
        case "resume": return true
        default: return nil
        }
    }
}
