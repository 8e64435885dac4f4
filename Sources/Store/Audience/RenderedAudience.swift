public import Foundation
public import JSON
import Postgres
public import Spec

/// The messages of a campaign as its recipients would get them now, and the placeholders that lack a value.
public struct RenderedAudience: Sendable {
    /// A placeholder of the message.
    public struct Placeholder: Hashable, Sendable {
        /// The path, such as `name` or `metadata.company`.
        public let path: String
        /// The text that is sent in place of a missing value; `nil` if such messages fail.
        public let fallback: String?
        /// Recipients of the whole audience without a value; `nil` if they could not be counted in time.
        public let missing: Int?
    }

    /// The message to one recipient.
    public struct Message: Sendable {
        /// The recipient's number, or user id if only that is known.
        public let recipient: String
        public let isInWindow: Bool
        /// The language of the template; `nil` if everybody gets the same.
        public let language: String?
        /// The content of the request, without the recipient and the id of the message; `nil` if it would fail.
        public let content: JSONValue?
        /// The reason why it would fail; `nil` if it can be sent.
        public let problem: String?
        /// The placeholders without a value, each with the text that is sent in its place.
        public let fallbacks: [(path: String, text: String?)]
    }

    /// Returns what is shown in place of a value, given the value and the path of its placeholder.
    public typealias Mask = @Sendable (_ value: String, _ path: String) -> String

    /// Recipients of the whole audience; `nil` if they could not be counted in time.
    public let recipients: Int?
    public let placeholders: [Placeholder]
    public let messages: [Message]
}

/// The message and the audience that are to be rendered.
public struct RenderRequest: Sendable {
    /// A WhatsApp message without a recipient, with placeholders in its texts.
    public let message: JSONValue
    public let templateText: TemplateText
    public let tenant: String
    public let filter: AudienceFilter
    public let category: TemplateSpec.Category
    public let isFreeText: Bool
    /// The business number whose own 24 hour window counts; `nil` if any of the tenant's does.
    public let number: String?

    /// - Parameters:
    ///   - message: A WhatsApp message without a recipient.
    ///   - templateText: The treatment of texts that WhatsApp refuses.
    ///   - tenant: The owner of the contacts.
    ///   - filter: The filter for the recipients.
    ///   - category: The category of the message.
    ///   - isFreeText: True if only contacts in their window are recipients.
    ///   - number: The business number whose own 24 hour window counts.
    public init(
        message: JSONValue,
        templateText: TemplateText = .mend,
        tenant: String,
        filter: AudienceFilter,
        category: TemplateSpec.Category,
        isFreeText: Bool,
        number: String?
    ) {
        (self.message, self.templateText, self.tenant, self.filter) = (message, templateText, tenant, filter)
        (self.category, self.isFreeText, self.number) = (category, isFreeText, number)
    }
}

extension RenderedAudience {
    /// Returns the placeholders with each default once: the same one may lack a value in one text and not in another, because a
    /// text of blanks alone counts as none, so the higher count is shown.
    static func merged(_ placeholders: [Placeholder]) -> [Placeholder] {
        placeholders.reduce(into: []) { merged, next in
            guard let index = merged.firstIndex(where: { ($0.path, $0.fallback) == (next.path, next.fallback) }) else {
                return merged.append(next)
            }
            if let missing = next.missing, missing > merged[index].missing ?? 0 { merged[index] = next }
        }
    }
}

extension AudienceRepository {
    /// The longest time in which all recipients are counted.
    static let countLimit = Duration.seconds(30)

    /// Renders the messages to the first recipients as a daemon does, and counts those without a value for a placeholder.
    ///
    /// - Parameters:
    ///   - request: The message and the audience.
    ///   - count: The number of messages to render.
    ///   - now: The instant of the launch.
    ///   - mask: Returns what is shown in place of a value, given the value and the path of its placeholder; `nil` shows all
    ///     values. Problems and fallbacks are those of the true values.
    /// - Returns: The messages, in the order of the contacts' ids.
    /// - Throws: `TextTemplate.Problem` if the message has a broken placeholder, and `PostgresError`.
    public func render(
        _ request: RenderRequest,
        count: Int,
        now: Date,
        hiding mask: RenderedAudience.Mask? = nil
    ) async throws -> RenderedAudience {
        let payload = try PayloadTemplate(message: request.message)
        let window = ContactWindow(at: now, number: request.number)
        let audience = AudienceQuery.recipients(
            tenant: request.tenant,
            filter: request.filter,
            category: request.category,
            now: now
        )
        let recipients: PostgresQuery = """
            \(fragment: audience) AND (NOT \(request.isFreeText) OR \(fragment: window.isOpen))
            """
        let rows = try await pool.query(
            """
            SELECT \(fragment: ContactFields.selection), \(fragment: Recipient.phone) AS phone,
                coalesce(\(fragment: window.isOpen), false) AS "isInWindow"
            FROM contacts c WHERE \(fragment: recipients) ORDER BY c."contactId" LIMIT \(count)
            """,
            deadline: .seconds(60)
        )
        let placeholders = payload.placeholders
        let counts = try await missing(placeholders, within: recipients)
        return RenderedAudience(
            recipients: counts?.recipients,
            placeholders: RenderedAudience.merged(
                placeholders.enumerated().map { index, placeholder in
                    RenderedAudience.Placeholder(
                        path: placeholder.path.description,
                        fallback: placeholder.fallback,
                        missing: counts?.missing[index]
                    )
                }
            ),
            messages: try rows.map { row in
                RenderedAudience.Message(
                    payload,
                    request.templateText,
                    ContactFields(row: row),
                    phone: try row.decode("phone"),
                    isInWindow: try row.decode("isInWindow"),
                    hiding: mask
                )
            }
        )
    }

    /// Counts the recipients, and those without a value for each placeholder.
    ///
    /// - Returns: The counts; `nil` if Postgres could not count them in time.
    private func missing(
        _ placeholders: [PayloadTemplate.Placeholder],
        within recipients: PostgresQuery
    ) async throws(PostgresError) -> (recipients: Int, missing: [Int])? {
        let counts = placeholders.map { "count(*) FILTER (WHERE \(fragment: $0.isMissing))" as PostgresQuery }
        do throws(PostgresError) {
            let rows = try await pool.query(
                """
                SELECT \(fragment: .joined(["count(*)"] + counts, separator: ", ")) FROM contacts c
                WHERE \(fragment: recipients)
                """,
                deadline: Self.countLimit
            )
            var missing: [Int] = []
            for index in placeholders.indices { missing.append(try rows[0].decode(1 + index)) }
            return (try rows[0].decode(0), missing)
        } catch {
            // The messages are shown all the same: a large audience may take longer.
            guard case .timeout = error else { throw error }
            return nil
        }
    }
}

extension AudienceRepository {
    /// Returns what a launch of a stored campaign would send now, its template if the texts of it are known, and its sender.
    ///
    /// - Parameters:
    ///   - campaign: The campaign.
    ///   - tenant: The owner of the campaign.
    /// - Returns: The message and the audience; `nil` if the tenant has no such campaign.
    /// - Throws: ``LaunchError`` if it lacks something that a launch needs.
    public func renderRequest(
        of campaign: UUID,
        tenant: String
    ) async throws -> (request: RenderRequest, template: TemplateSpec?, sender: UUID)? {
        try await pool.withConnection { connection in
            guard let candidate = try await LaunchCandidate.find(campaign, tenant: tenant, on: connection) else {
                return nil
            }
            let content = try candidate.content()
            guard let filter = content.audience else { throw LaunchError.noAudience(campaign: candidate.name) }
            let rows = try await connection.query(
                """
                SELECT c."templateId", (
                    SELECT t."templateText" FROM tenants t WHERE t."tenantId" = c."tenantId" AND t."archivedAt" IS NULL
                ) AS "templateText" FROM campaigns c WHERE c.id = \(campaign)
                """
            )
            let tenantText = try rows.first?.decode("templateText", as: String?.self)
            var template: TemplateSpec?
            if let id = try rows.first?.decode("templateId", as: UUID?.self) {
                template = try await TemplateRepository.find(id, tenant: tenant, on: connection)?.spec
            }
            let request = RenderRequest(
                message: content.message,
                templateText: content.templateText ?? tenantText.flatMap(TemplateText.init(rawValue:)) ?? .mend,
                tenant: tenant,
                filter: filter,
                category: try await candidate.reach(of: content, on: connection),
                isFreeText: content.isFreeText,
                number: candidate.windowNumber
            )
            return (request, template, candidate.senderID)
        }
    }
}

extension RenderedAudience.Message {
    /// Renders the message to a contact as a daemon does.
    init(
        _ payload: PayloadTemplate,
        _ templateText: TemplateText,
        _ contact: ContactFields,
        phone: String,
        isInWindow: Bool,
        hiding mask: RenderedAudience.Mask? = nil
    ) {
        let values = PlaceholderValues(contact: contact, context: nil)
        var address = phone
        if address.isEmpty, case .text(let id)? = contact[.contactId] { address = id }
        recipient = address
        self.isInWindow = isInWindow
        // From here on the language is settled, because masked values could not tell it.
        let (payload, language) = payload.inLanguage { values[$0] }
        self.language = language
        // No file is uploaded for a look at a message.
        let mediaIDs = Dictionary(uniqueKeysWithValues: payload.files.map { ($0, "sha256:\($0)") })
        let missing = payload.missing { values[$0] }.map {
            RenderedAudience.Placeholder(path: $0.path.description, fallback: $0.fallback, missing: nil)
        }
        fallbacks = RenderedAudience.merged(missing).map { ($0.path, $0.fallback) }
        do {
            let id = MessageID.make(run: UUID(), position: 1)
            var body = try payload.body(
                recipient: address,
                messageID: id,
                templateText: templateText,
                mediaIDs: mediaIDs
            ) { values[$0] }
            if let mask {
                body = try payload.body(
                    recipient: address,
                    messageID: id,
                    templateText: templateText,
                    mediaIDs: mediaIDs
                ) { path in
                    values[path].map { $0.isEmpty ? $0 : mask($0, path.description) }
                }
            }
            guard case .object(var fields) = try JSONValue(parsing: String(decoding: body, as: UTF8.self)) else {
                (content, problem) = (nil, "the message is no JSON object")
                return
            }
            for name in PayloadTemplate.fieldsOfRequest { fields[name] = nil }
            (content, problem) = (.object(fields), nil)
        } catch {
            (content, problem) = (nil, "\(error)")
        }
    }
}

extension PayloadTemplate.Placeholder {
    /// The condition for contacts, as `c`, without a value, as ``PayloadTemplate/missing(_:)`` decides it.
    fileprivate var isMissing: PostgresQuery {
        let value = Self.value(of: path)
        guard let blankWith else { return "coalesce(\(fragment: value), '') = ''" }
        let others = blankWith.sorted { $0.key.description < $1.key.description }.map { other -> PostgresQuery in
            " AND \(fragment: Self.isBlank("coalesce(nullif(\(fragment: Self.value(of: other.key)), ''), \(other.value))"))"
        }
        return """
            (coalesce(\(fragment: value), '') = '' OR (
                \(fragment: Self.isBlank(value)) \(fragment: .joined(others, separator: ""))
            ))
            """
    }

    /// The characters of which a text is blank, as Swift and WhatsApp see it.
    private static let blanks = String(
        String.UnicodeScalarView(
            (UInt32(0)...0x3000).compactMap(Unicode.Scalar.init).filter(\.properties.isWhitespace)
        )
    )

    private static func isBlank(_ value: PostgresQuery) -> PostgresQuery {
        "btrim(\(fragment: value), \(blanks)) = ''"
    }

    /// Returns the value of a placeholder as text; NULL if a contact has none.
    private static func value(of path: TextTemplate.Path) -> PostgresQuery {
        switch path {
        case .contact(let column):
            switch column.type {
            case .timestamp:
                "CASE WHEN isfinite(c.\(identifier: column.rawValue)) THEN c.\(identifier: column.rawValue)::text END"
            default: "c.\(identifier: column.rawValue)::text"
            }
        case .metadata(let key): "(c.metadata ->> \(key)::text)"
        // Events bring a context, and launches do not.
        case .context: "NULL::text"
        }
    }
}
