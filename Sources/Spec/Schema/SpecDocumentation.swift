import Calendar
import Foundation
import JSON

/// Writes `docs/specs.md`, the reference of specs, from their schema.
public enum SpecDocumentation {
    /// The text of the file; always the same for the same schema.
    public static var text: String {
        let sections =
            [introduction, headerSection] + SpecKind.allCases.map(section)
            + [filterSection, placeholderSection, messageSection, CronDocumentation.section]
        return sections.joined(separator: "\n\n") + "\n"
    }

    private static var introduction: String {
        let kinds = SpecKind.allCases.map { kind in
            "| [`\(kind.rawValue)`](#\(kind.rawValue.lowercased())) | \(kind.definition.meaning) |"
        }
        return """
            # Specs

            <!-- Written by `reconcile schema --documentation`. Do not edit: change the schema in Sources/Spec instead. -->

            A spec is one YAML document in a file `campaigns/<tenant>/**/*.yaml`. The folder names the tenant. A file can hold
            several documents, separated by `---`. Tenant, kind and name identify a spec. An unknown field is an error.

            | kind | |
            |---|---|
            \(kinds.joined(separator: "\n"))

            The examples on this page form one valid repository. In the tables, a field without a default is left out by
            default, unless the description says otherwise. `[]` stands for each item of a list.

            ## Values

            Specs are YAML 1.2: only `true` and `false` are booleans, and `no`, `on` and `08:30` are texts. Write texts in
            quotes if they look like numbers, such as `"106540352242922"`. `${name}` is a value of the
            [environment](reviewing.md#environments); write `$${` for the characters `${`.

            ### Names

            A name has 1 to 63 lower-case letters, digits and hyphens, and does not start with a hyphen. A reference to
            another spec is the name of a spec of the same tenant.

            ### Durations and times

            | type | examples | meaning |
            |---|---|---|
            | duration | `90s`, `15m`, `24h`, `7d` | a whole number of seconds, minutes, hours or days |
            | time of day | `"21:00"` | a time on the clock of `timeZone`; write it in quotes |
            | local time | `2045-12-01T09:00`, `2045-12-01` | a time on the clock of `timeZone`; a date alone is its midnight |
            """
    }

    private static var headerSection: String {
        """
        ## Fields of every kind

        Every spec has a `kind` and these fields.

        \(FieldTable(SpecHeader.schema.fields).text)
        """
    }

    private static func section(of kind: SpecKind) -> String {
        """
        ## \(kind.rawValue)

        \(kind.definition.meaning)

        \(FieldTable(kind.definition.schema.fields).text)

        ```yaml
        \(kind.definition.example)
        ```
        """
    }

    private static var filterSection: String {
        let filterable = Set(ContactColumn.filterable.map(\.type))
        let types = ContactColumn.ValueType.allCases.filter(filterable.contains).map { type -> String in
            let fields = ContactColumn.filterable.filter { $0.type == type }.map { "`\($0.rawValue)`" }
            let operators = FilterOperator.allCases.compactMap { operation in
                operation.meaning(on: type).map {
                    "| `\(operation.rawValue)` | \($0) | `\(operation.example(on: type))` |"
                }
            }
            return """
                ### \(type.heading)

                Fields: \(fields.joined(separator: ", "))\(type == .text ? ", and `metadata.<key>`" : "").

                | operator | selects contacts whose field | example |
                |---|---|---|
                \(operators.joined(separator: "\n"))
                """
        }
        return """
            ## Filters

            A filter selects contacts. It is a group (`logic` and `conditions`), a negation (`not`), or one condition (`field`,
            `operator` and `value`). Groups and negations can be nested up to 16 levels deep. Contacts who opted out or are
            deactivated are never selected.

            ### Groups

            \(FieldTable(AudienceFilter.groupFields).text)

            ### Negations

            \(FieldTable([AudienceFilter.negation]).text)

            ### Conditions

            \(FieldTable(FilterCondition.fields).text)

            A comparison with a missing value selects nobody, also with `neq` and `not_in`. `not` selects exactly the contacts
            whom its filter does not select, including those with a missing value. Times are a date (midnight UTC), a time with
            a zone such as `2025-01-31T08:00:00Z`, or a time before now: `-30m`, `-12h`, `-7d`, `-2w`. A `metadata` value is
            compared as a text with a text. It is compared as a number with a number, and counts as missing if it is not a
            number.

            \(types.joined(separator: "\n\n"))
            """
    }

    private static var placeholderSection: String {
        let fields = ContactColumn.placeholders.map { field -> String in
            let value = field.type == .timestamp ? ", as a date in UTC such as `2026-03-28`" : ""
            return "| `{{\(field.rawValue)}}` | `\(field.rawValue)` of the contact\(value) |"
        }
        return """
            ## Placeholders

            The texts of `params` and `message` may hold placeholders, which are replaced for each recipient.

            | placeholder | value |
            |---|---|
            \(fields.joined(separator: "\n"))
            | `{{metadata.company}}` | the value of the key `company` of the contact's metadata |
            | `{{context.order.total}}` | a value of the event or of the request that started the message; dots lead into nested objects |
            | `{{name\\|there}}` | the text behind the bar if the value is missing or empty |

            A message fails if a placeholder has neither a value nor a default. Campaigns of type `manual` and `scheduled` have no
            context, so there a `context` placeholder without a default is an error.
            """
    }

    private static var messageSection: String {
        let schema = MessageReader.schema
        let kinds = schema.parts.compactMap { part -> String? in
            guard let kind = part.condition else { return nil }
            return """
                ### \(kind)

                \(FieldTable(part.object.fields.filter { $0.name == kind }).text)
                """
        }
        let others = schema.parts.last?.object.fields.filter { $0.name != schema.parts.last?.condition } ?? []
        return """
            ## Messages

            A message is an object of the WhatsApp API without a recipient. Its `type` names the field that holds the content.

            \(FieldTable((schema.parts.first?.object.fields ?? []) + others).text)

            \(kinds.joined(separator: "\n\n"))

            ### Headers

            \(FieldTable(parts: MessageReader.headerSchema.parts).text)
            """
    }
}

/// A table of fields in Markdown; the fields of nested mappings follow their field.
private struct FieldTable {
    private var lines = ["| field | type | default | description | example |", "|---|---|---|---|---|"]

    init(_ fields: [SchemaField]) {
        for field in fields { add(field, below: "", when: nil) }
    }

    init(parts: [SchemaValue.Part]) {
        add(parts, below: "")
    }

    var text: String { lines.joined(separator: "\n") }

    private mutating func add(_ field: SchemaField, below parent: String, when condition: String?) {
        let path = parent + field.name
        var type = field.value.words
        let words = field.value.choices.map { "`\($0.word)`" }.joined(separator: ", ")
        if !words.isEmpty { type = type == "one of" ? words : "\(type): \(words)" }
        let fallback = field.isRequired ? "required" : field.defaultValue.map { "`\(Self.shown( $0))`" } ?? ""
        let meanings = field.value.choices.map { "<br>`\($0.word)`: \($0.meaning)" }.joined()
        let description = (condition.map { "\($0) " } ?? "") + field.description + meanings
        // The fields of a mapping have examples of their own.
        let examples = field.value.parts.isEmpty ? field.examples.map { "`\(Self.shown( $0))`" } : []
        lines.append(
            "| `\(path)` | \(type) | \(fallback) | \(description) | \(Self.cell(examples.joined(separator: "<br>"))) |"
        )
        add(field.value.parts, below: path)
    }

    /// Adds the fields of mappings, with one line for a field that several variants have in the same form.
    private mutating func add(_ parts: [SchemaValue.Part], below path: String) {
        let key = parts.first?.object.fields.first?.name ?? ""
        let variants = parts.filter { $0.condition != nil }.count
        var merged: [(field: SchemaField, parent: String, words: [String])] = []
        for part in parts {
            let parent = path + part.path + (path.isEmpty ? "" : ".")
            for field in part.object.fields {
                let same = merged.firstIndex { $0.field.name == field.name && $0.field.value.json == field.value.json }
                if let same {
                    merged[same].words += [part.condition].compactMap { $0 }
                } else {
                    merged.append((field, parent, [part.condition].compactMap { $0 }))
                }
            }
        }
        for (field, parent, words) in merged {
            let isAlways = words.isEmpty || words.count == variants
            let list = words.map { "`\($0)`" }.joined(separator: ", ")
            add(field, below: parent, when: isAlways ? nil : "If `\(key)` is \(list):")
        }
    }

    private static func shown(_ value: JSONValue) -> String {
        if case .string(let text) = value { return text }
        return value.canonicalText
    }

    /// Escapes bars, which would end the cell of a table.
    private static func cell(_ text: String) -> String {
        text.replacing("|", with: "\\|")
    }
}

extension ContactColumn.ValueType {
    fileprivate var heading: String {
        switch self {
        case .text: "Operators on texts"
        case .integer: "Operators on whole numbers"
        case .timestamp: "Operators on times"
        case .textList: "Operators on lists"
        case .boolean: "Operators on booleans"
        case .object: "Operators on objects"
        }
    }
}

extension FilterOperator {
    /// Completes "selects contacts whose field"; `nil` if the type does not allow the operator.
    fileprivate func meaning(on type: ContactColumn.ValueType) -> String? {
        guard let field = ContactColumn.filterable.first(where: { $0.type == type }),
            Self.allowed(for: .contact(field)).contains(self)
        else { return nil }
        let (greater, less) =
            switch type {
            case .text, .textList, .boolean, .object:
                ("comes after the value (by Unicode code points)", "comes before the value")
            case .integer: ("is greater than the value", "is less than the value")
            case .timestamp: ("is later than the value", "is earlier than the value")
            }
        return switch self {
        case .eq: type == .text ? "equals the value; case matters" : "equals the value"
        case .neq: "has a value, but another one"
        case .gt: greater
        case .gte: greater + ", or equals it"
        case .lt: less
        case .lte: less + ", or equals it"
        case .between: "is one of two values, or between them"
        case .contains: type == .text ? "contains the value; case is ignored" : "contains the value"
        case .startsWith: "starts with the value; case is ignored"
        case .endsWith: "ends with the value; case is ignored"
        case .olderThan: "is longer ago than the value"
        case .newerThan: "is less long ago than the value"
        case .isIn: "equals one value of the list"
        case .isNotIn: "has a value, but none of the list"
        case .isNull: type == .textList ? "is missing or empty" : "is missing"
        case .isNotNull: type == .textList ? "has at least one value" : "is not missing"
        case .containsAny: "contains at least one value of the list"
        case .containsAll: "contains all values of the list"
        }
    }

    /// Returns a condition with the operator.
    fileprivate func example(on type: ContactColumn.ValueType) -> String {
        let (field, values) =
            switch type {
            case .text, .boolean, .object: ("paymentStatus", ["overdue", "unpaid"])
            case .integer: ("yearOfBirth", ["1990", "1991"])
            case .timestamp: ("lastSeen", ["2025-01-31", "2025-02-01"])
            case .textList: ("tags", ["vip", "gold"])
            }
        let value: String? =
            switch self {
            case .isNull, .isNotNull: nil
            case .olderThan, .newerThan: "90d"
            case .isIn, .isNotIn, .between, .containsAny, .containsAll: "[\(values.joined(separator: ", "))]"
            case .gt, .gte, .lt, .lte: type == .timestamp ? "\"-7d\"" : values[0]
            case .eq, .neq, .contains, .startsWith, .endsWith: values[0]
            }
        return "{ field: \(field), operator: \(rawValue)\(value.map { ", value: \($0)" } ?? "") }"
    }
}
