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
            return (entry["changes"]?.arrayValue ?? []).compactMap { change in
                change["value"].map { Change(account: account, field: change["field"]?.stringValue, value: $0) }
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
                failure: status["errors"]?[0].map(Self.failure)
            )
        }
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
            if let account, let stop = change.stop(account: account) { report.stops.append(stop) }
        }
        return report
    }

    /// Returns a name if a column can hold it: one that cannot be stored must not prevent the rest from being stored.
    private static func name(_ text: String) -> String? {
        text.utf8.count <= 50 && !text.utf8.contains(0) ? text : nil
    }
}

extension WebhookPayload.Change {
    fileprivate func inboundMessages(to number: String, receivedAt now: Date) -> [InboundReport.Message] {
        (value["messages"]?.arrayValue ?? []).compactMap { message in
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
                let choice = preference["value"]?.stringValue, ["stop", "resume", "signup"].contains(choice)
            else { return nil }
            return InboundReport.Preference(
                phoneNumberID: number,
                person: person,
                isOptedIn: choice != "stop",
                at: min(WebhookPayload.time(preference["timestamp"]) ?? now, now)
            )
        }
    }

    /// Returns what WhatsApp blocked; `nil` when the change is only a notice.
    fileprivate func stop(account: String) -> InboundReport.Stop? {
        guard let event = text("event") else { return nil }
        let reason = text("reason").flatMap { $0 == "NONE" ? nil : ", \($0)" } ?? ""
        switch field {
        case "message_template_status_update":
            guard ["PAUSED", "DISABLED", "REJECTED", "PENDING_DELETION", "DELETED"].contains(event),
                let name = text("message_template_name"), let language = text("message_template_language")
            else { return nil }
            return InboundReport.Stop(
                businessAccountID: account,
                subject: .template(name: name, language: language),
                reason: "WhatsApp says of template `\(name)` (\(language)): \(event)\(reason)"
            )
        case "phone_number_quality_update":
            guard event == "FLAGGED", let number = text("display_phone_number") else { return nil }
            return InboundReport.Stop(
                businessAccountID: account,
                subject: .number(display: number),
                reason: "WhatsApp has flagged the number for its quality: sending on would get it restricted"
            )
        case "account_update":
            guard ["DISABLED_UPDATE", "ACCOUNT_RESTRICTION", "ACCOUNT_DELETED"].contains(event), !isReinstated,
                forbidsSending
            else { return nil }
            return InboundReport.Stop(
                businessAccountID: account,
                subject: .account,
                reason: "WhatsApp says of the account: \(event)\(reason)"
            )
        default: return nil
        }
    }

    /// True if a `DISABLED_UPDATE` says that the account was reinstated.
    private var isReinstated: Bool {
        let state = value["ban_info"]?["waba_ban_state"]
        return (state?.arrayValue ?? [state ?? .null]).contains("REINSTATE")
    }

    /// False for a restriction of other things than sending, such as the addition of phone numbers.
    ///
    /// Without a list of restrictions an `ACCOUNT_RESTRICTION` is a warning, or says that one has ended.
    private var forbidsSending: Bool {
        guard text("event") == "ACCOUNT_RESTRICTION" else { return true }
        let types = (value["restriction_info"]?.arrayValue ?? []).compactMap { $0["restriction_type"]?.stringValue }
        return types.contains { $0.hasPrefix("RESTRICTED_") && $0.hasSuffix("_INITIATED_MESSAGING") }
    }

    /// Returns a text of the change, without NUL, which a row cannot hold.
    private func text(_ name: String) -> String? {
        value[name]?.stringValue?.replacing("\0", with: "")
    }
}
