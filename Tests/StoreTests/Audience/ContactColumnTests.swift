import Foundation
import JSON
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// The definitions of contact columns agree with the table, and with what filters and placeholders can do with them.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct ContactColumnTests {
    @Test func everyDefinitionEqualsItsColumn() async throws {
        try await Fixture.with(connections: 1) { fixture in
            let stored: [String] = try await fixture.column(
                """
                SELECT a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
                    || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
                FROM pg_attribute a WHERE a.attrelid = 'contacts'::regclass AND a.attnum > 0 AND NOT a.attisdropped
                """
            )
            for column in ContactColumn.allCases {
                let known = stored.filter { $0.hasPrefix(column.rawValue) }
                #expect(stored.contains(Self.declaration(of: column)), "\(known)")
            }
        }
    }

    /// The name, type and NOT NULL of the column as its definition says.
    private static func declaration(of column: ContactColumn) -> String {
        let definition = column.definition
        let type =
            switch definition.type {
            case .text:
                switch definition.cell {
                case .text(let maximum): "character varying(\(maximum))"
                case .phone: "character varying(150)"
                case .number, .time, .boolean, .tags, .keys: "?"
                }
            case .integer: "integer"
            case .timestamp: "timestamp with time zone"
            case .textList: "text[]"
            case .boolean: "boolean"
            case .object: "jsonb"
            }
        return "\(column.rawValue) \(type)\(definition.isRequired ? " NOT NULL" : "")"
    }

    @Test func everyOperatorRunsOnEveryColumnThatAllowsIt() async throws {
        try await Fixture.with(connections: 1) { fixture in
            for column in ContactColumn.filterable {
                let conditions = FilterOperator.allCases.compactMap { Self.condition(column, $0) }
                #expect(!conditions.isEmpty, "no operator fits \(column), so no filter can use it")
                for filter in conditions {
                    let condition = filter.condition(now: Fixture.now)
                    // Postgres says which columns a condition reads: this one and no other.
                    let lines: [String] = try await fixture.column(
                        "EXPLAIN (VERBOSE, COSTS OFF) SELECT 1 FROM contacts c WHERE \(fragment: condition)"
                    )
                    let plan = lines.joined(separator: "\n")
                    #expect(plan.contains(Self.reference(to: column)), "\(filter.json): \(plan)")
                }
            }
        }
    }

    @Test func onlyTextsNumbersAndTimesArePlaceholders() {
        for column in ContactColumn.placeholders {
            #expect([.text, .integer, .timestamp].contains(column.type), "\(column)")
        }
    }

    /// A filter with one condition; `nil` if the column does not allow the operator.
    private static func condition(_ column: ContactColumn, _ operation: FilterOperator) -> AudienceFilter? {
        let value: JSONValue =
            switch column.type {
            case .integer: 7
            case .timestamp: "2026-01-02T03:04:05Z"
            case .text, .textList, .boolean, .object: "x"
            }
        let values: [JSONValue?] = [value, [value], nil]
        return values.lazy.compactMap { value in
            var condition: JSONObject = ["field": .string(column.rawValue), "operator": .string(operation.rawValue)]
            condition["value"] = value
            return try? AudienceFilter(json: ["conditions": [.object(condition)]])
        }.first
    }

    private static func reference(to column: ContactColumn) -> String {
        let name = column.rawValue
        return name.contains(where: \.isUppercase) ? "c.\"\(name)\"" : "c.\(name)"
    }
}
