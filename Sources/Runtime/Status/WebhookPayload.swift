import Foundation
import Store

/// A webhook of WhatsApp, as far as we read it.
///
/// Everything else is ignored, so that new fields and events never make us refuse one.
struct WebhookPayload: Decodable {
    struct Entry: Decodable {
        /// The WhatsApp Business Account.
        let id: Lossy<String>?
        let changes: [Lossy<Change>]?
    }

    struct Change: Decodable {
        let field: Lossy<String>?
        let value: Lossy<Value>?
    }

    struct Value: Decodable {
        let metadata: Lossy<Metadata>?
        let statuses: [Lossy<Status>]?
        let messages: [Lossy<Message>]?
        let user_preferences: [Lossy<Preference>]?
        // What templates and numbers have become.
        let event: Lossy<String>?
        let reason: Lossy<String>?
        let message_template_name: Lossy<String>?
        let message_template_language: Lossy<String>?
        let display_phone_number: Lossy<String>?
    }

    struct Status: Decodable {
        struct Problem: Decodable {
            struct Details: Decodable {
                let details: String?
            }
            let code: Int?
            let title: String?
            let message: String?
            let error_data: Details?
        }
        let id: String?
        let status: String?
        /// Seconds since 1970, as text; other webhooks of WhatsApp have them as a number.
        let timestamp: Lossy<Timestamp>?
        let biz_opaque_callback_data: Lossy<String>?
        let errors: Lossy<[Problem]>?
    }

    struct Timestamp: Decodable {
        let date: Date

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            let seconds =
                if let text = try? container.decode(String.self) { Double(text) } else {
                    try container.decode(Double.self)
                }
            guard let seconds else {
                throw DecodingError.dataCorruptedError(in: container, debugDescription: "no time")
            }
            date = Date(timeIntervalSince1970: seconds)
        }
    }

    /// A value, or nothing where there stands something that we cannot read: it must not hide what stands beside it.
    struct Lossy<Value: Decodable>: Decodable {
        let value: Value?

        init(from decoder: any Decoder) {
            value = try? Value(from: decoder)
        }
    }

    let entry: [Lossy<Entry>]?

    /// The reports about delivery in it, in the order in which they stand there.
    func deliveryStatuses(receivedAt now: Date) -> [DeliveryStatus] {
        let values = (entry ?? []).flatMap { $0.value?.changes ?? [] }.compactMap { $0.value?.value?.value }
        return values.flatMap { $0.statuses ?? [] }.compactMap { lossy in
            guard let status = lossy.value, let id = status.id,
                let rank = status.status.flatMap(DeliveryStatus.Rank.init(name:))
            else { return nil }
            return DeliveryStatus(
                waMessageID: id,
                messageID: status.biz_opaque_callback_data?.value.flatMap(UUID.init(uuidString:)),
                rank: rank,
                at: status.timestamp?.value?.date ?? now,
                failure: status.failure
            )
        }
    }
}

extension WebhookPayload.Status {
    fileprivate var failure: MessageOutcome.Failure? {
        guard let problem = errors?.value?.first else { return nil }
        return MessageOutcome.Failure(
            code: problem.code.map(String.init) ?? "unknown",
            message: problem.error_data?.details ?? problem.message ?? problem.title ?? ""
        )
    }
}
