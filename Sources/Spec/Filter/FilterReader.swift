import Spelling
internal import YAML

/// Reads filters from nodes, whether they come from a file, a request or a row.
struct FilterReader {
    let sink: DiagnosticSink
    private static let maximumDepth = 16

    init(sink: DiagnosticSink) {
        self.sink = sink
    }

    /// Reads a filter: a group, a negation, or one condition.
    func filter(_ node: YAMLNode, path: String, depth: Int = 0) -> AudienceFilter? {
        guard var reader = FieldReader(node, path: path, what: "a filter", sink: sink) else { return nil }
        guard depth < Self.maximumDepth else {
            let message = "filters are nested more than \(Self.maximumDepth) deep"
            sink.report(.filterValue, at: node.range, field: path, message)
            return nil
        }
        let filter: AudienceFilter?
        if reader.has("conditions") || reader.has("logic") {
            filter = group(&reader, depth: depth)
        } else if reader.has("not") {
            filter = reader.node("not").flatMap { self.filter($0.node, path: $0.field, depth: depth + 1) }
                .map(AudienceFilter.not)
        } else {
            filter = condition(&reader).map(AudienceFilter.condition)
        }
        reader.finish()
        return filter
    }

    /// Reads `logic` and `conditions` of a mapping that may have other fields too.
    func group(_ reader: inout FieldReader, depth: Int = 0) -> AudienceFilter? {
        reader.require("conditions")
        let logic = reader.choice("logic", of: AudienceFilter.Logic.self)
        guard let read = reader.node("conditions") else { return nil }
        guard let items = read.node.sequence else {
            let help = "write `conditions: []` for everybody"
            sink.reportWrongType(of: read.node, field: read.field, expected: "a list", help: help)
            return nil
        }
        let list = read.field
        let members = items.indices.compactMap { index in
            filter(items[index], path: FieldPath.item(index, of: list), depth: depth + 1)
        }
        return members.count == items.count ? .group(logic ?? .and, members) : nil
    }

    private func condition(_ reader: inout FieldReader) -> FilterCondition? {
        reader.require("field")
        reader.require("operator")
        let field = self.field(reader.string("field"))
        let name = reader.string("operator")
        let value = reader.node("value")
        guard let field, let name, let operation = operation(name, for: field) else { return nil }
        if operation == .isNull || operation == .isNotNull {
            // Programs that fill a form of three fields send null here.
            if let value, value.node.scalar?.value != .null {
                let help = "remove `value`"
                let message = "`\(operation.rawValue)` takes no value"
                sink.report(.filterValue, at: value.range, field: value.field, message, help: help)
                return nil
            }
            return FilterCondition(field, operation == .isNull ? .isNull : .isNotNull)
        }
        reader.require("value")
        guard let value else { return nil }
        return check(operation, field, value).map { FilterCondition(field, $0) }
    }

    private func field(_ read: ReadValue<String>?) -> FilterField? {
        guard let read else { return nil }
        if let field = FilterField(read.value) { return field }
        let known = ContactColumn.filterable.map(\.rawValue)
        let near = SpellingSuggestion.candidates(for: read.value, among: known)
        let help =
            near.isEmpty
            ? "use \(SpellingSuggestion.list(known + ["metadata.<key>"], "or"))"
            : "did you mean \(SpellingSuggestion.list(near, "or"))?"
        sink.report(.filterField, at: read.range, field: read.field, "unknown filter field `\(read.value)`", help: help)
        return nil
    }

    private func operation(_ read: ReadValue<String>, for field: FilterField) -> FilterOperator? {
        let operations = FilterOperator.allowed(for: field)
        if let operation = FilterOperator(rawValue: read.value), operations.contains(operation) { return operation }
        let allowed = operations.map(\.rawValue)
        guard FilterOperator(rawValue: read.value) != nil else {
            let near = SpellingSuggestion.candidates(for: read.value, among: allowed)
            let help =
                near.isEmpty
                ? "use \(SpellingSuggestion.list(allowed, "or"))"
                : "did you mean \(SpellingSuggestion.list(near, "or"))?"
            sink.report(
                .filterOperator,
                at: read.range,
                field: read.field,
                "unknown operator `\(read.value)`",
                help: help
            )
            return nil
        }
        let message = "operator `\(read.value)` does not fit field `\(field)`, which holds \(field.words)"
        let help = "use \(SpellingSuggestion.list(allowed, "or"))"
        sink.report(.filterOperator, at: read.range, field: read.field, message, help: help)
        return nil
    }
}

extension FilterField {
    /// What the field holds, in words.
    var words: String {
        guard case .contact(let field) = self else { return "text" }
        return switch field.type {
        case .text: "text"
        case .integer: "a whole number"
        case .timestamp: "a time"
        case .textList: "a list of texts"
        case .boolean: "true or false"
        case .object: "an object"
        }
    }
}
