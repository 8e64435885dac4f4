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
    /// - Parameter now: The instant from which relative times such as `-7d` count.
    /// - Returns: A boolean expression.
    func condition(now: Date) -> PostgresQuery {
        switch self {
        case .group(_, let members) where members.isEmpty:
            "true"
        case .group(let logic, let members):
            "(\(fragment: .joined(members.map { $0.condition(now: now) }, separator: " \(logic.rawValue) ")))"
        case .not(let filter):
            "(\(fragment: filter.condition(now: now))) IS NOT TRUE"
        case .condition(let condition):
            condition.sql(now: now)
        }
    }
}

extension FilterCondition {
    fileprivate func sql(now: Date) -> PostgresQuery {
        switch check {
        case .compare(let comparison, let value):
            let symbol = PostgresQuery(sql: comparison.symbol(isText: value.isText))
            return "\(fragment: column(comparedWith: value)) \(fragment: symbol) \(fragment: value.sql(now: now))"
        case .containsText(let text):
            return "\(fragment: field.column) ILIKE \("%\(text.escapedForLike)%")::text"
        case .isIn(let values):
            return "\(fragment: column(comparedWith: values.first)) = ANY(\(fragment: values.sql(now: now)))"
        case .isNotIn(let values):
            return "\(fragment: column(comparedWith: values.first)) <> ALL(\(fragment: values.sql(now: now)))"
        case .isNull: return "\(fragment: field.column) IS NULL"
        case .isNotNull: return "\(fragment: field.column) IS NOT NULL"
        // Containment says the same as = ANY(column), and can use the index.
        case .hasTag(let tag): return "\(fragment: field.column) @> \([tag])::text[]"
        case .hasAnyTag(let tags): return "\(fragment: field.column) && \(tags)::text[]"
        case .hasAllTags(let tags): return "\(fragment: field.column) @> \(tags)::text[]"
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
    /// Binds the values as one array; all have the same case as the first.
    fileprivate func sql(now: Date) -> PostgresQuery {
        switch first {
        case .integer: "\(compactMap { if case .integer(let value) = $0 { value } else { nil } })::bigint[]"
        case .number: "\(compactMap { if case .number(let value) = $0 { value } else { nil } })::numeric[]"
        case .time: "\(compactMap { if case .time(let time) = $0 { time.date(now: now) } else { nil } })::timestamptz[]"
        case .text, nil: "\(compactMap { if case .text(let text) = $0 { text } else { nil } })::text[]"
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
