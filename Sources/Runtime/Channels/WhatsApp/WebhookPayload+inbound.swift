package import Foundation
import JSON
import Spec
package import Store

extension WebhookPayload {
    /// Everything in it besides statuses.
    package func inboundReport(receivedAt now: Date) -> InboundReport {
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
            }
            if let account, let stop = change.stop(account: account) { report.stops.append(stop) }
        }
        return report
    }

    /// A name that a column can hold: one that cannot be stored must not keep everything else from being stored.
    private static func name(_ text: String) -> String? {
        text.utf8.count <= 50 && !text.utf8.contains(0) ? text : nil
    }
}

extension WebhookPayload.Change {
    fileprivate func inboundMessages(to number: String, receivedAt now: Date) -> [InboundReport.Message] {
        (value["messages"]?.arrayValue ?? []).compactMap { message in
            // There is no sender for people whose number is hidden. And that somebody has another number now is told by
            // WhatsApp, not by them: it opens no window.
            guard let from = message["from"]?.stringValue, !from.utf8.contains(0),
                let id = message["id"]?.stringValue.flatMap(WebhookPayload.id), message["type"] != "system"
            else { return nil }
            return InboundReport.Message(
                id: id,
                phoneNumberID: number,
                from: from,
                // Nobody writes from the future: a window must not stay open for it.
                at: min(WebhookPayload.time(message["timestamp"]) ?? now, now),
                text: Self.words(of: message)
            )
        }
    }

    /// What was written, or what stands on the button that was pressed.
    private static func words(of message: JSONValue) -> String? {
        message["text"]?["body"]?.stringValue ?? message["button"]?["text"]?.stringValue
            ?? message["interactive"]?["button_reply"]?["title"]?.stringValue
            ?? message["interactive"]?["list_reply"]?["title"]?.stringValue
    }

    fileprivate func preferences(of number: String, receivedAt now: Date) -> [InboundReport.Preference] {
        (value["user_preferences"]?.arrayValue ?? []).compactMap { preference in
            guard let from = preference["wa_id"]?.stringValue, !from.utf8.contains(0),
                let choice = preference["value"]?.stringValue, ["stop", "resume"].contains(choice)
            else { return nil }
            return InboundReport.Preference(
                phoneNumberID: number,
                from: from,
                isOptedIn: choice == "resume",
                at: min(WebhookPayload.time(preference["timestamp"]) ?? now, now)
            )
        }
    }

    /// What WhatsApp stopped; `nil` when it only tells us something.
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
            guard ["DISABLED_UPDATE", "ACCOUNT_RESTRICTION", "ACCOUNT_DELETED"].contains(event), !isReinstated else {
                return nil
            }
            return InboundReport.Stop(
                businessAccountID: account,
                subject: .account,
                reason: "WhatsApp says of the account: \(event)\(reason)"
            )
        default: return nil
        }
    }

    /// Whether a `DISABLED_UPDATE` says that the account is back.
    private var isReinstated: Bool {
        let state = value["ban_info"]?["waba_ban_state"]
        return (state?.arrayValue ?? [state ?? .null]).contains("REINSTATE")
    }

    /// A text of the change that a row can hold.
    private func text(_ name: String) -> String? {
        value[name]?.stringValue?.replacing("\0", with: "")
    }
}
