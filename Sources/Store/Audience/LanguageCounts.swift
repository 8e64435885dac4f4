public import Foundation
public import JSON
public import Postgres
import Spec
import Spelling

/// The recipients of a message in several languages, by the language that they get.
public struct LanguageCounts: Hashable, Sendable {
    /// The recipients of one language.
    public struct Line: Hashable, Sendable {
        /// The code as WhatsApp writes it, such as `pt_BR`.
        public let code: String
        public let recipients: Int
    }

    /// All languages of the message, sorted by their codes; also those without recipients.
    public let lines: [Line]
    /// The language of people whose own is not there.
    public let fallback: String
    /// The recipients of the fallback whose `metadata.language` names a language that the message does not have.
    public let otherLanguage: Int
    /// Those of them whose `metadata.language` is no language that WhatsApp knows, such as `english`.
    public let notLanguage: Int
    /// The recipients of the fallback whose contacts name no language.
    public let withoutLanguage: Int

    /// Adds up the recipients by the texts in `metadata.language`; an empty one is none.
    init(_ choice: LanguageChoice, _ wishes: [(text: String?, recipients: Int)]) {
        var counts = Dictionary(choice.codes.map { ($0, 0) }) { first, _ in first }
        var (other, strange, none) = (0, 0, 0)
        for wish in wishes {
            let own = choice.own(for: wish.text)
            counts[own ?? choice.fallback, default: 0] += wish.recipients
            guard own == nil else { continue }
            guard let text = wish.text, text.contains(where: { !$0.isWhitespace }) else {
                none += wish.recipients
                continue
            }
            other += wish.recipients
            if !LanguageChoice.isLanguage(text) { strange += wish.recipients }
        }
        lines = counts.map { Line(code: $0.key, recipients: $0.value) }.sorted { $0.code < $1.code }
        (fallback, otherLanguage, notLanguage, withoutLanguage) = (choice.fallback, other, strange, none)
    }

    /// Reads what ``json`` wrote; `nil` for anything else.
    public init?(json: JSONValue) {
        guard let fallback = json["fallback"]?.stringValue, let counts = json["counts"]?.arrayValue else { return nil }
        lines = counts.compactMap { line in
            guard let code = line["language"]?.stringValue, let recipients = line["recipients"]?.integerValue else {
                return nil
            }
            return Line(code: code, recipients: recipients)
        }
        self.fallback = fallback
        otherLanguage = json["otherLanguage"]?.integerValue ?? 0
        notLanguage = json["notLanguage"]?.integerValue ?? 0
        withoutLanguage = json["withoutLanguage"]?.integerValue ?? 0
    }

    /// The counts in one line: `352 en, 20 fr, 0 pt_BR; in en are 40 whose language is not there and 12 without one`.
    public var words: String {
        let counts = lines.map { "\($0.recipients.grouped) \($0.code)" }.joined(separator: ", ")
        var others: [String] = []
        if otherLanguage > 0 {
            let strange = notLanguage > 0 ? " (\(notLanguage.grouped) name none that WhatsApp knows)" : ""
            others.append("\(otherLanguage.grouped) whose language is not there\(strange)")
        }
        if withoutLanguage > 0 { others.append("\(withoutLanguage.grouped) without one") }
        guard !others.isEmpty else { return counts }
        return "\(counts); in \(fallback) are \(others.joined(separator: " and "))"
    }

    /// The counts as JSON.
    public var json: JSONValue {
        [
            "fallback": .string(fallback), "otherLanguage": .integer(otherLanguage),
            "notLanguage": .integer(notLanguage), "withoutLanguage": .integer(withoutLanguage),
            "counts": .array(
                lines.map { ["language": .string($0.code), "recipients": .integer($0.recipients)] }
            ),
        ]
    }
}

extension AudienceRepository {
    /// Counts the recipients of messages by the language that they get, in one query for all of them.
    ///
    /// - Parameters:
    ///   - requests: The messages and their audiences.
    ///   - now: The instant of the launch.
    ///   - deadline: The longest time of the query.
    ///   - connection: The connection to use; messages in one language need none.
    /// - Returns: The counts in the order of the messages; `nil` for a message in one language.
    /// - Throws: `PostgresError`.
    public static func languages(
        of requests: [RenderRequest],
        now: Date,
        deadline: Duration = .seconds(300),
        on connection: PostgresConnection
    ) async throws(PostgresError) -> [LanguageCounts?] {
        let choices = requests.map { MessageLanguages($0.message)?.choice }
        let queries = zip(requests, choices).enumerated().compactMap { index, pair -> PostgresQuery? in
            guard pair.1 != nil else { return nil }
            let recipients = AudienceQuery.recipients(
                tenant: pair.0.tenant,
                filter: pair.0.filter,
                category: pair.0.category,
                now: now
            )
            // No code is longer, and longer texts are no codes.
            return """
                SELECT \(index)::int, left(c.metadata ->> 'language', 36), count(*) FROM contacts c
                WHERE \(fragment: recipients) GROUP BY 2
                """
        }
        guard !queries.isEmpty else { return choices.map { _ in nil } }
        let rows = try await connection.query(
            "\(fragment: .joined(queries, separator: " UNION ALL "))",
            deadline: deadline
        )
        var wishes = [[(text: String?, recipients: Int)]](repeating: [], count: requests.count)
        for row in rows {
            wishes[try row.decode(0, as: Int.self)].append((text: try row.decode(1), recipients: try row.decode(2)))
        }
        return zip(choices, wishes).map { choice, wishes in choice.map { LanguageCounts($0, wishes) } }
    }

    /// Counts the recipients of a message by the language that they get; `nil` for a message in one language, or if they could
    /// not be counted in time.
    ///
    /// - Throws: `PostgresError`.
    public func languages(of request: RenderRequest, now: Date) async throws -> LanguageCounts? {
        guard MessageLanguages(request.message) != nil else { return nil }
        do {
            return try await pool.withConnection { connection in
                try await Self.languages(of: [request], now: now, deadline: Self.countLimit, on: connection)[0]
            }
        } catch PostgresError.timeout {
            return nil
        }
    }
}
