import Foundation
import Store

/// A webhook of WhatsApp, as far as we read it: the statuses of our messages. Everything else is ignored, so that new
/// fields and events never make us refuse one.
struct WebhookPayload: Decodable {
    struct Entry: Decodable {
        let changes: [Change]?
    }

    struct Change: Decodable {
        let value: Value?
    }

    struct Value: Decodable {
        let statuses: [Status]?
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
        /// Seconds since 1970, as text.
        let timestamp: String?
        let biz_opaque_callback_data: String?
        let errors: [Problem]?
    }

    let entry: [Entry]?

    /// The reports about delivery in it, in the order in which they stand there.
    func deliveryStatuses(receivedAt now: Date) -> [DeliveryStatus] {
        (entry ?? []).flatMap { $0.changes ?? [] }.flatMap { $0.value?.statuses ?? [] }.compactMap { status in
            guard let id = status.id, let rank = status.status.flatMap(DeliveryStatus.Rank.init(name:)) else { return nil }
            return DeliveryStatus(
                waMessageID: id,
                messageID: status.biz_opaque_callback_data.flatMap(UUID.init(uuidString:)),
                rank: rank,
                at: status.timestamp.flatMap(Double.init).map(Date.init(timeIntervalSince1970:)) ?? now,
                failure: status.failure
            )
        }
    }
}

extension WebhookPayload.Status {
    fileprivate var failure: MessageOutcome.Failure? {
        guard let problem = errors?.first else { return nil }
        return MessageOutcome.Failure(
            code: problem.code.map(String.init) ?? "unknown",
            message: problem.error_data?.details ?? problem.message ?? problem.title ?? ""
        )
    }
}
