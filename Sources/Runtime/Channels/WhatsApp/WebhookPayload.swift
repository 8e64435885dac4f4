package import Foundation
package import JSON
import Spec
package import Store

/// A webhook of WhatsApp, as far as we read it.
///
/// Everything else is ignored, so that new fields and events never make us refuse one; and what stands in a place where
/// we cannot read it hides nothing that stands beside it.
package struct WebhookPayload {
    /// One thing that happened.
    struct Change {
        /// The WhatsApp Business Account.
        let account: String?
        let field: String?
        let value: JSONValue
    }

    let changes: [Change]

    /// Reads a body.
    ///
    /// People write half characters, and phones cut names in the middle of one: a text that is no Unicode must not keep
    /// the reports beside it away, and neither must a number out of range or a key that stands there twice. WhatsApp
    /// would send it again until it stops sending anything.
    ///
    /// - Throws: `JSONError` when it is no JSON.
    package init(parsing bytes: some Collection<UInt8>) throws(JSONError) {
        let json = try JSONValue(parsing: bytes, isLenient: true)
        changes = (json["entry"]?.arrayValue ?? []).flatMap { entry in
            let account = entry["id"]?.stringValue
            return (entry["changes"]?.arrayValue ?? []).compactMap { change in
                change["value"].map { Change(account: account, field: change["field"]?.stringValue, value: $0) }
            }
        }
    }

    /// A time in seconds since 1970, which some webhooks have as text and others as a number; `nil` if it is none, or
    /// beyond what a clock may show.
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

    /// The id of a message; `nil` for what is none of WhatsApp's, and fits into no row.
    static func id(_ text: String) -> String? {
        (1...512).contains(text.utf8.count) && !text.utf8.contains(0) ? text : nil
    }

    /// The reports about delivery in it, in the order in which they stand there.
    package func deliveryStatuses(receivedAt now: Date) -> [DeliveryStatus] {
        changes.flatMap { $0.value["statuses"]?.arrayValue ?? [] }.compactMap { status in
            guard let id = status["id"]?.stringValue.flatMap(Self.id),
                let rank = status["status"]?.stringValue.flatMap(DeliveryStatus.Rank.init(name:))
            else { return nil }
            return DeliveryStatus(
                waMessageID: id,
                messageID: status["biz_opaque_callback_data"]?.stringValue.flatMap(UUID.init(apiText:)),
                rank: rank,
                // Nothing is reported before it happens, whatever the report says.
                at: min(Self.time(status["timestamp"]) ?? now, now),
                failure: status["errors"]?[0].map(Self.failure)
            )
        }
    }

    private static func failure(_ problem: JSONValue) -> MessageOutcome.Failure {
        let text =
            problem["error_data"]?["details"]?.stringValue ?? problem["message"]?.stringValue
            ?? problem["title"]?.stringValue ?? ""
        return MessageOutcome.Failure(
            code: problem["code"]?.integerValue.map(String.init) ?? "unknown",
            // What no column can hold must not keep the report from being stored.
            message: text.replacing("\0", with: "")
        )
    }
}
