import Foundation
package import JSON
import Spec
package import Store

extension AccountProfile {
    /// Reads the fields of an account.
    init(_ json: JSONValue) {
        self.init()
        name = json.text("name")
        currency = json.text("currency").flatMap { $0.utf8.count == 3 ? $0.uppercased() : nil }
        businessID = json["owner_business_info"]?.text("id").flatMap { $0.utf8.count <= 32 ? $0 : nil }
        reviewStatus = json.text("account_review_status").map { String($0.prefix(30)) }
        verification = json.text("business_verification_status").map { String($0.lowercased().prefix(40)) }
    }
}

extension SeenNumber {
    /// Reads a number of a list; `nil` without an id.
    init?(_ json: JSONValue, readAt: Date) {
        guard let id = json.text("id"), id.utf8.count <= 50 else { return nil }
        self.init(phoneNumberID: id, readAt: readAt)
        displayPhoneNumber = json.text("display_phone_number")
        verifiedName = json.text("verified_name")
        status = json.text("status")?.uppercased()
        nameStatus = json.text("name_status")?.uppercased()
        let rating = json.text("quality_rating") ?? json["quality_score"]?.text("score")
        quality = rating.map { ["NA", "N/A"].contains($0.uppercased()) ? "UNKNOWN" : $0.uppercased() }
        throughput = json["throughput"]?.text("level")?.uppercased()
        messagingTier = json.text("whatsapp_business_manager_messaging_limit") ?? json.text("messaging_limit_tier")
        platform = (json.text("platform_type") ?? json.text("host_platform"))?.uppercased()
        webhooks = json["webhook_configuration"]?.withoutNUL
    }
}

extension SeenTemplate {
    /// Reads a template of a list; `nil` without a name and a language.
    package init?(json: JSONValue) {
        guard let name = json.text("name"), let language = json.text("language") else { return nil }
        self.init(name: name, language: language)
        whatsappID = json.text("id") ?? json["id"]?.integerValue.map(String.init)
        status = json.text("status")?.uppercased()
        reason = json.text("rejected_reason").flatMap { $0.uppercased() == "NONE" ? nil : $0 }
        category = json.text("category")?.lowercased()
        previousCategory = json.text("previous_category")?.lowercased()
        let correct = json.text("correct_category")?.lowercased()
        nextCategory = correct == category ? nil : correct
        quality = json["quality_score"]?.text("score")?.uppercased()
        components = json["components"]?.withoutNUL
        parameterFormat = json.text("parameter_format")?.uppercased()
        ttlSeconds = json["message_send_ttl_seconds"]?.integerValue
    }
}

extension [SeenNumber] {
    /// The messaging limit, which the numbers of a portfolio share; `.some(nil)` for none, `nil` if no number tells it.
    var messagingLimit: Int?? {
        let limits = compactMap { $0.messagingTier.flatMap(MessagingTier.limit) }
        guard let first = limits.first else { return nil }
        // They are equal; if they are not, the lowest is safe.
        let lowest = limits.dropFirst().reduce(first ?? .max) { Swift.min($0, $1 ?? .max) }
        return .some(lowest == .max ? nil : lowest)
    }
}

extension JSONValue {
    /// Returns a text that is not empty, without NUL, which a row cannot hold.
    func text(_ key: String) -> String? {
        guard let text = self[key]?.stringValue?.replacing("\0", with: ""), !text.isEmpty else { return nil }
        return text
    }

    /// The same value without NUL in its texts, which a row cannot hold.
    var withoutNUL: JSONValue {
        switch self {
        case .string(let text): .string(text.replacing("\0", with: ""))
        case .array(let items): .array(items.map(\.withoutNUL))
        case .object(let fields): .object(fields.mapValues(\.withoutNUL))
        default: self
        }
    }
}
