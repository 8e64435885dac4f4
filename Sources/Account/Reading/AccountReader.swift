package import Foundation
import JSON
import NIOHTTP1
package import Settings
package import Store

/// Reads one account at WhatsApp with the token of its tenant.
///
/// It keeps nothing; ``AccountSweep`` does. Each answer tells how many of the allowed calls are used.
package struct AccountReader: Sendable {
    /// The templates of a page, unless the answer would be too large.
    package static let pageSize = 200
    /// The most templates of one name and language that a read by name looks through: WhatsApp finds names by a part of them.
    private static let mostNamesakes = 1_000

    private static let numberFields = [
        "id", "display_phone_number", "verified_name", "status", "name_status", "quality_rating", "throughput",
        "platform_type", "whatsapp_business_manager_messaging_limit", "webhook_configuration",
    ]
    private static let templateFields = [
        "id", "name", "language", "status", "category", "components", "parameter_format", "previous_category",
        "correct_category", "rejected_reason", "quality_score", "message_send_ttl_seconds",
    ]

    let client: GraphClient
    let token: AccessToken
    /// WhatsApp's id of the account.
    let account: String

    package init(client: GraphClient, token: AccessToken, account: String) {
        (self.client, self.token, self.account) = (client, token, account)
    }

    /// The content of an answer, and the use of the allowed calls.
    package struct Answer<Value: Sendable>: Sendable {
        package let value: Value
        package let usage: GraphUsage?
    }

    /// A page of templates.
    package struct Page: Sendable {
        package let templates: [SeenTemplate]
        /// The place of the next page; `nil` after the last.
        package let cursor: String?
        /// The number of templates of the account, each language counted; `nil` if the page does not tell it.
        package let count: Int?
        /// The largest number of templates of the account.
        package let limit: Int?
    }

    /// Reads the account itself.
    ///
    /// - Throws: ``GraphError``.
    package func profile() async throws(GraphError) -> Answer<AccountProfile> {
        let fields = ["id", "name", "currency", "account_review_status", "business_verification_status"]
        let answer: GraphAnswer
        do {
            answer = try await client.call(
                .GET,
                "/\(account)",
                query: ["fields": (fields + ["owner_business_info"]).joined(separator: ",")],
                token: token
            )
        } catch .refused, .unauthorized {
            // The portfolio needs a right of its own, which tokens for templates and numbers often lack.
            answer = try await client.call(
                .GET,
                "/\(account)",
                query: ["fields": fields.joined(separator: ",")],
                token: token
            )
        }
        return Answer(value: AccountProfile(answer.json), usage: answer.usage)
    }

    /// Reads all numbers.
    ///
    /// - Parameter start: The time of the call.
    /// - Returns: The numbers.
    /// - Throws: ``GraphError``.
    package func numbers(at start: Date) async throws(GraphError) -> Answer<[SeenNumber]> {
        var numbers: [SeenNumber] = []
        var cursor: String?
        var usage: GraphUsage?
        repeat {
            var query = ["fields": Self.numberFields.joined(separator: ","), "limit": "100"]
            query["after"] = cursor
            let answer = try await client.call(.GET, "/\(account)/phone_numbers", query: query, token: token)
            numbers += (answer.json["data"]?.arrayValue ?? []).compactMap { SeenNumber($0, readAt: start) }
            usage = answer.usage ?? usage
            let next = Self.cursor(answer.json)
            // A list that leads back to its beginning would never end.
            cursor = next == cursor ? nil : next
        } while cursor != nil && numbers.count < 2_000
        return Answer(value: numbers, usage: usage)
    }

    /// Reads a page of templates.
    ///
    /// - Parameters:
    ///   - cursor: The place of the page; `nil` for the first.
    ///   - limit: The most templates of it.
    /// - Returns: The page.
    /// - Throws: ``GraphError``.
    package func page(after cursor: String?, limit: Int = pageSize) async throws(GraphError) -> Answer<Page> {
        var query = ["fields": Self.templateFields.joined(separator: ","), "limit": "\(limit)"]
        if let cursor {
            query["after"] = cursor
        } else {
            query["summary"] = "message_template_count,message_template_limit"
        }
        return try await page(query)
    }

    /// Reads one template by its exact name and language, for example after the answer to its creation was lost.
    ///
    /// - Returns: `nil` if WhatsApp has none, or does not show it yet.
    /// - Throws: ``GraphError``.
    package func template(_ name: String, _ language: String) async throws(GraphError) -> Answer<SeenTemplate?> {
        let language = TemplateState.language(language)
        var query = [
            "fields": Self.templateFields.joined(separator: ","), "name": name, "limit": "\(Self.pageSize)",
        ]
        var read = 0
        while true {
            let answer = try await page(query)
            let found = answer.value.templates.first { $0.name == name && $0.language == language }
            read += answer.value.templates.count
            guard found == nil, let cursor = answer.value.cursor, read < Self.mostNamesakes else {
                return Answer(value: found, usage: answer.usage)
            }
            query["after"] = cursor
        }
    }

    private func page(_ query: [String: String]) async throws(GraphError) -> Answer<Page> {
        let answer = try await client.call(.GET, "/\(account)/message_templates", query: query, token: token)
        guard let items = answer.json["data"]?.arrayValue else {
            throw .unreadable("a list of templates without `data`")
        }
        let summary = answer.json["summary"]
        let next = Self.cursor(answer.json)
        let page = Page(
            templates: items.compactMap(SeenTemplate.init(json:)),
            cursor: next == query["after"] ? nil : next,
            count: summary?["message_template_count"]?.integerValue ?? summary?["total_count"]?.integerValue,
            limit: summary?["message_template_limit"]?.integerValue
        )
        return Answer(value: page, usage: answer.usage)
    }

    /// Returns the cursor of the next page; the address of it is not used, because it can hold the token.
    private static func cursor(_ json: JSONValue) -> String? {
        guard json["paging"]?["next"]?.stringValue != nil else { return nil }
        return json["paging"]?["cursors"]?["after"]?.stringValue
    }
}
