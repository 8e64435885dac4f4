import Foundation
import Store

extension WebhookPayload {
    struct Metadata: Decodable {
        let phone_number_id: String
        let display_phone_number: Lossy<String>?
    }

    struct Message: Decodable {
        struct Text: Decodable {
            let body: String?
        }
        struct Button: Decodable {
            let text: String?
        }
        struct Interactive: Decodable {
            struct Reply: Decodable {
                let title: String?
            }
            let button_reply: Lossy<Reply>?
            let list_reply: Lossy<Reply>?
        }
        let id: String
        /// Missing for people whose number is hidden.
        let from: String?
        let timestamp: Lossy<Timestamp>?
        let text: Lossy<Text>?
        let button: Lossy<Button>?
        let interactive: Lossy<Interactive>?

        /// What was written, or what stands on the button that was pressed.
        var words: String? {
            text?.value?.body ?? button?.value?.text ?? interactive?.value?.button_reply?.value?.title
                ?? interactive?.value?.list_reply?.value?.title
        }
    }

    struct Preference: Decodable {
        let wa_id: String?
        let value: String?
        let timestamp: Lossy<Timestamp>?
    }

    /// A name that a column can hold: one that cannot be stored must not keep everything else from being stored.
    private static func name(_ text: String) -> String? {
        text.utf8.count <= 50 && !text.utf8.contains(0) ? text : nil
    }

    /// Everything in it besides statuses.
    func inboundReport(receivedAt now: Date) -> InboundReport {
        var report = InboundReport()
        for entry in (entry ?? []).compactMap(\.value) {
            for change in (entry.changes ?? []).compactMap(\.value) {
                guard let value = change.value?.value else { continue }
                let account = entry.id?.value.flatMap(Self.name)
                if let metadata = value.metadata?.value, Self.name(metadata.phone_number_id) != nil {
                    report.numbers.insert(
                        InboundReport.Number(
                            phoneNumberID: metadata.phone_number_id,
                            displayPhoneNumber: metadata.display_phone_number?.value.flatMap(Self.name),
                            businessAccountID: account
                        )
                    )
                    report.messages += value.inboundMessages(to: metadata.phone_number_id, receivedAt: now)
                    report.preferences += value.preferences(of: metadata.phone_number_id, receivedAt: now)
                }
                if let account, let stop = value.stop(field: change.field?.value, account: account) {
                    report.stops.append(stop)
                }
            }
        }
        return report
    }
}

extension WebhookPayload.Value {
    fileprivate func inboundMessages(to number: String, receivedAt now: Date) -> [InboundReport.Message] {
        (messages ?? []).compactMap(\.value).compactMap { message in
            guard let from = message.from, !from.utf8.contains(0), !message.id.isEmpty, message.id.utf8.count <= 512,
                !message.id.utf8.contains(0)
            else { return nil }
            return InboundReport.Message(
                id: message.id,
                phoneNumberID: number,
                from: from,
                // Nobody writes from the future: a window must not stay open for it.
                at: min(message.timestamp?.value?.date ?? now, now),
                text: message.words
            )
        }
    }

    fileprivate func preferences(of number: String, receivedAt now: Date) -> [InboundReport.Preference] {
        (user_preferences ?? []).compactMap(\.value).compactMap { preference in
            guard let from = preference.wa_id, let value = preference.value, ["stop", "resume"].contains(value) else {
                return nil
            }
            return InboundReport.Preference(
                phoneNumberID: number,
                from: from,
                isOptedIn: value == "resume",
                at: min(preference.timestamp?.value?.date ?? now, now)
            )
        }
    }

    /// What WhatsApp stopped; `nil` when it only tells us something.
    fileprivate func stop(field: String?, account: String) -> InboundReport.Stop? {
        guard let event = event?.value else { return nil }
        let reason = reason?.value.flatMap { $0 == "NONE" ? nil : ", \($0)" } ?? ""
        switch field {
        case "message_template_status_update":
            guard ["PAUSED", "DISABLED", "REJECTED", "PENDING_DELETION", "DELETED"].contains(event),
                let name = message_template_name?.value, let language = message_template_language?.value
            else { return nil }
            return InboundReport.Stop(
                businessAccountID: account,
                subject: .template(name: name, language: language),
                reason: "WhatsApp says of template `\(name)` (\(language)): \(event)\(reason)"
            )
        case "phone_number_quality_update":
            guard event == "FLAGGED", let number = display_phone_number?.value else { return nil }
            return InboundReport.Stop(
                businessAccountID: account,
                subject: .number(display: number),
                reason: "WhatsApp has flagged the number for its quality: sending on would get it restricted"
            )
        case "account_update":
            guard ["DISABLED_UPDATE", "ACCOUNT_RESTRICTION", "ACCOUNT_DELETED"].contains(event) else { return nil }
            return InboundReport.Stop(
                businessAccountID: account,
                subject: .account,
                reason: "WhatsApp says of the account: \(event)\(reason)"
            )
        default: return nil
        }
    }
}
