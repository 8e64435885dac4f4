import Calendar
import Foundation
import Postgres
import Spec

extension AudienceFilter {
    /// Translates the filter to a condition on `contacts AS c`, with every value bound.
    ///
    /// Conditions follow SQL: a comparison with a missing value selects no contact, also for `neq` and `not_in`. `not`
    /// selects exactly the contacts that its condition does not select, including those with missing values.
    ///
    /// - Parameters:
    ///   - now: The instant from which relative times such as `-7d` count.
    ///   - rules: The rules of the filter language.
    /// - Returns: A boolean expression.
    func condition(now: Date, rules: FilterRules = .current) -> PostgresQuery {
        switch self {
        case .group(_, let members) where members.isEmpty:
            "true"
        case .group(let logic, let members):
            "(\(fragment: .joined(members.map { $0.condition(now: now, rules: rules) }, separator: " \(logic.rawValue) ")))"
        case .not(let filter):
            "(\(fragment: filter.condition(now: now, rules: rules))) IS NOT TRUE"
        case .condition(let condition):
            rules == .former ? condition.formerSQL(now: now) ?? condition.sql(now: now) : condition.sql(now: now)
        }
    }

    /// True if the rules before migration 32 may select other contacts.
    package var hasFormerMeaning: Bool {
        switch self {
        case .group(_, let members): members.contains(where: \.hasFormerMeaning)
        case .not(let filter): filter.hasFormerMeaning
        case .condition(let condition): condition.formerSQL(now: .distantPast) != nil
        }
    }
}

/// The rules by which a filter selects contacts.
package enum FilterRules: Hashable, Sendable {
    case current
    /// The rules before migration 34, to tell what their change means: a missing list of tags was NULL only, the case of
    /// letters was that of the database's locale, and numbers beside texts in a list were texts.
    case former
}

extension FilterCondition {
    fileprivate func sql(now: Date) -> PostgresQuery {
        switch check {
        case .compare(let comparison, let value): return compare(comparison, value, now)
        case .between(let low, let high):
            return "(\(fragment: compare(.gte, low, now)) AND \(fragment: compare(.lte, high, now)))"
        case .olderThan(let seconds): return compare(.lt, .time(.ago(seconds: seconds)), now)
        case .newerThan(let seconds): return compare(.gt, .time(.ago(seconds: seconds)), now)
        case .containsText(let text): return resembles("%\(text.escapedForLike)%")
        case .startsWith(let text): return resembles("\(text.escapedForLike)%")
        case .endsWith(let text): return resembles("%\(text.escapedForLike)")
        case .isIn(let values):
            let groups = groups(values, now) { "\(fragment: $0) = ANY(\(fragment: $1))" }
            return "(\(fragment: .joined(groups, separator: " OR ")))"
        case .isNotIn(let values):
            let groups = groups(values, now) { "\(fragment: $0) <> ALL(\(fragment: $1))" }
            return "(\(fragment: .joined(groups, separator: " AND ")))"
        case .isNull where field.isTags:
            return "(\(fragment: field.column) IS NULL OR cardinality(\(fragment: field.column)) = 0)"
        case .isNotNull where field.isTags: return "cardinality(\(fragment: field.column)) > 0"
        case .isNull: return "\(fragment: field.column) IS NULL"
        case .isNotNull: return "\(fragment: field.column) IS NOT NULL"
        // Containment says the same as = ANY(column), and can use the index.
        case .hasTag(let tag): return "\(fragment: field.column) @> \([tag])::text[]"
        case .hasAnyTag(let tags): return "\(fragment: field.column) && \(tags)::text[]"
        case .hasAllTags(let tags): return "\(fragment: field.column) @> \(tags)::text[]"
        }
    }

    private func compare(_ comparison: Comparison, _ value: FilterValue, _ now: Date) -> PostgresQuery {
        let symbol = PostgresQuery(sql: comparison.symbol(isText: value.isText))
        return "\(fragment: column(comparedWith: value)) \(fragment: symbol) \(fragment: value.sql(now: now))"
    }

    /// Compares with a pattern of LIKE, whatever the case.
    ///
    /// Upper case and not lower case, because that of a letter does not depend on its place in a word. The collation is
    /// named, because that of the database may know ASCII only.
    private func resembles(_ pattern: String) -> PostgresQuery {
        """
        upper(\(fragment: field.column) COLLATE campaigns_text) \
        LIKE upper(\(pattern)::text COLLATE campaigns_text)
        """
    }

    /// Compares with the numbers of a list, and with its other values, because metadata is read differently for each.
    private func groups(
        _ values: [FilterValue],
        _ now: Date,
        _ comparison: (PostgresQuery, PostgresQuery) -> PostgresQuery
    ) -> [PostgresQuery] {
        [values.filter(\.isNumeric), values.filter { !$0.isNumeric }].filter { !$0.isEmpty }.map { group in
            comparison(column(comparedWith: group.first), group.sql(now: now))
        }
    }

    /// Returns the condition of the rules before migration 34; `nil` if they were the same.
    fileprivate func formerSQL(now: Date) -> PostgresQuery? {
        switch check {
        case .isNull where field.isTags: return "\(fragment: field.column) IS NULL"
        case .isNotNull where field.isTags: return "\(fragment: field.column) IS NOT NULL"
        case .containsText(let text): return "\(fragment: field.column) ILIKE \("%\(text.escapedForLike)%")::text"
        case .isIn(let values) where values.areOfTwoTypes:
            return FilterCondition(field, .isIn(values.asTexts)).sql(now: now)
        case .isNotIn(let values) where values.areOfTwoTypes:
            return FilterCondition(field, .isNotIn(values.asTexts)).sql(now: now)
        default: return nil
        }
    }

    /// Returns the column to compare with a value.
    ///
    /// Metadata is text. In a comparison with a number, a text that looks like a number counts as one, and any other
    /// text counts as missing.
    private func column(comparedWith value: FilterValue?) -> PostgresQuery {
        guard case .metadata = field, value?.isNumeric == true else { return field.column }
        let text = field.column
        // More digits than a numeric can have would fail the whole query because of one contact.
        return """
            CASE WHEN length(\(fragment: text)) <= 1000 AND \(fragment: text) ~ '^-?[0-9]+(\\.[0-9]+)?$' \
            THEN (\(fragment: text))::numeric END
            """
    }
}

extension FilterCondition.Comparison {
    /// Returns the SQL operator; texts are ordered by code points, so that a filter means the same in every database.
    fileprivate func symbol(isText: Bool) -> String {
        let collation = isText ? "COLLATE \"C\" " : ""
        return switch self {
        case .eq: "="
        case .neq: "<>"
        case .gt: collation + ">"
        case .gte: collation + ">="
        case .lt: collation + "<"
        case .lte: collation + "<="
        }
    }
}

extension FilterField {
    fileprivate var isTags: Bool {
        if case .contact(let column) = self { column.type == .textList } else { false }
    }

    fileprivate var column: PostgresQuery {
        switch self {
        case .contact(let field): "c.\(identifier: field.rawValue)"
        case .metadata(let key): "(c.metadata ->> \(key)::text)"
        }
    }
}

extension FilterValue {
    fileprivate var isText: Bool {
        if case .text = self { true } else { false }
    }

    fileprivate var isInteger: Bool {
        if case .integer = self { true } else { false }
    }

    fileprivate var isNumeric: Bool {
        switch self {
        case .integer, .number: true
        case .text, .time: false
        }
    }

    fileprivate func sql(now: Date) -> PostgresQuery {
        switch self {
        case .text(let text): "\(text)::text"
        case .integer(let value): "\(value)::bigint"
        case .number(let value): "\(value)::numeric"
        case .time(let time): "\(time.date(now: now))::timestamptz"
        }
    }
}

extension [FilterValue] {
    /// True if numbers are beside texts.
    fileprivate var areOfTwoTypes: Bool { contains(where: \.isNumeric) && contains(where: \.isText) }

    /// The values, with numbers as texts.
    fileprivate var asTexts: [FilterValue] {
        map { value in
            switch value {
            case .integer(let integer): .text(String(integer))
            case .number(let number): .text("\(number)")
            case .text, .time: value
            }
        }
    }

    private var texts: [String] { compactMap { if case .text(let text) = $0 { text } else { nil } } }

    /// Binds the values as one array; all are numbers, times or texts, like the first.
    fileprivate func sql(now: Date) -> PostgresQuery {
        switch first {
        case .integer where allSatisfy(\.isInteger):
            "\(compactMap { if case .integer(let value) = $0 { value } else { nil } })::bigint[]"
        // As texts, whole numbers beside fractions keep their digits.
        case .integer, .number: "\(asTexts.texts)::text[]::numeric[]"
        case .time: "\(compactMap { if case .time(let time) = $0 { time.date(now: now) } else { nil } })::timestamptz[]"
        case .text, nil: "\(texts)::text[]"
        }
    }
}

extension FilterTime {
    fileprivate func date(now: Date) -> Date {
        switch self {
        case .instant(let instant): instant.date
        case .ago(let seconds): now.addingTimeInterval(-Double(seconds))
        }
    }
}

extension String {
    /// The text with the wildcards of LIKE taken literally, also where a combining mark follows one.
    fileprivate var escapedForLike: String {
        unicodeScalars.reduce(into: "") { text, scalar in
            if scalar == "%" || scalar == "_" || scalar == "\\" { text.append("\\") }
            text.unicodeScalars.append(scalar)
        }
    }
}
