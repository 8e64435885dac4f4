import Calendar
import Spelling
internal import YAML

/// Reads filters from nodes, whether they come from a file, a request or a row.
struct FilterReader {
    let sink: DiagnosticSink
    private static let maximumDepth = 16

    /// True for a row: its numbers may have lost digits when they were stored.
    private let takesAllNumbers: Bool

    init(sink: DiagnosticSink, takesAllNumbers: Bool = false) {
        self.sink = sink
        self.takesAllNumbers = takesAllNumbers || sink.isStored
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
    /// The type of the field, in words.
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

extension FilterReader {
    /// Reads the value that an operator needs.
    func check(
        _ operation: FilterOperator,
        _ field: FilterField,
        _ read: ReadNode
    ) -> FilterCondition.Check? {
        switch operation {
        case .eq, .neq, .gt, .gte, .lt, .lte:
            guard let comparison = FilterCondition.Comparison(rawValue: operation.rawValue) else { return nil }
            return value(of: read.node, field, read.field).map { .compare(comparison, $0) }
        case .between: return range(read, field)
        case .olderThan: return length(read).map { .olderThan(seconds: $0) }
        case .newerThan: return length(read).map { .newerThan(seconds: $0) }
        case .startsWith: return sink.string(read.node, field: read.field).map { .startsWith($0.value) }
        case .endsWith: return sink.string(read.node, field: read.field).map { .endsWith($0.value) }
        case .contains:
            return sink.string(read.node, field: read.field).flatMap { text in
                field.isList ? .hasTag(text.value) : .containsText(text.value)
            }
        case .isIn: return list(read, operation) { value(of: $0, field, $1) }.map { .isIn($0) }
        case .isNotIn: return list(read, operation) { value(of: $0, field, $1) }.map { .isNotIn($0) }
        case .containsAny: return list(read, operation) { sink.string($0, field: $1)?.value }.map { .hasAnyTag($0) }
        case .containsAll: return list(read, operation) { sink.string($0, field: $1)?.value }.map { .hasAllTags($0) }
        case .isNull, .isNotNull: return nil
        }
    }

    /// Reads the two values of `between`.
    private func range(_ read: ReadNode, _ field: FilterField) -> FilterCondition.Check? {
        guard let values = list(read, .between, { value(of: $0, field, $1) }) else { return nil }
        guard values.count == 2 else {
            return refuse(read, "`between` needs two values, the least and the greatest")
        }
        switch values[0].isAbove(values[1]) {
        case false: return .between(values[0], values[1])
        case true:
            let help = "write the smaller value first, and the later of two times last"
            return refuse(read, "no value is between these two", help: help, code: .filterRange)
        case nil: return refuse(read, "`between` needs two numbers, two times or two texts", code: .filterRange)
        }
    }

    /// Reads the length of time of `older_than` and `newer_than`, in seconds.
    private func length(_ read: ReadNode) -> Int? {
        if case .invalid = read.node.content { return nil }
        let text = read.node.scalar?.text ?? ""
        if case .string = read.node.scalar?.value, let seconds = FilterTime.seconds(text[...]) { return seconds }
        let isTime = text.hasPrefix("-") && FilterTime(text) != nil
        let help = isTime ? "write `\(text.dropFirst())`" : "write `30m`, `12h`, `7d` or `2w`"
        let shown = read.node.isScalar ? "`\(text)` is not a length of time" : "expected a length of time"
        return refuse(read, shown, help: help)
    }

    private func refuse<Value>(
        _ read: ReadNode,
        _ message: String,
        help: String? = nil,
        code: DiagnosticCode = .filterValue
    ) -> Value? {
        sink.report(code, at: read.range, field: read.field, message, help: help)
        return nil
    }

    private func list<Item>(
        _ read: ReadNode,
        _ operation: FilterOperator,
        _ item: (YAMLNode, String) -> Item?
    ) -> [Item]? {
        guard let nodes = read.node.sequence else {
            if case .invalid = read.node.content { return nil }
            let message = "`\(operation.rawValue)` needs a list"
            let help = "write `value: [\(read.node.scalar?.text ?? "…")]`"
            sink.report(.filterValue, at: read.range, field: read.field, message, help: help)
            return nil
        }
        guard !nodes.isEmpty else {
            let message = "`\(operation.rawValue)` needs at least one value"
            sink.report(.filterValue, at: read.range, field: read.field, message)
            return nil
        }
        let list = read.field
        let items = nodes.indices.compactMap { item(nodes[$0], FieldPath.item($0, of: list)) }
        return items.count == nodes.count ? items : nil
    }

    /// Reads one value of the type that a field is compared with.
    private func value(of node: YAMLNode, _ field: FilterField, _ path: String) -> FilterValue? {
        guard let scalar = node.scalar else {
            if case .invalid = node.content { return nil }
            let found = node.sequence == nil ? "a mapping" : "a list"
            return wrong(node, path, "expected one value for `\(field)`, found \(found)")
        }
        if case .null = scalar.value {
            return wrong(
                node,
                path,
                "expected a value for `\(field)`, found nothing",
                help: "use `is_null` or `is_not_null`"
            )
        }
        guard case .contact(let contactField) = field else { return metadataValue(scalar, node, path) }
        switch contactField.type {
        // No filter names a column of the last two types.
        case .text, .textList, .boolean, .object: return sink.string(node, field: path).map { .text($0.value) }
        case .timestamp: return time(scalar, node, contactField, path)
        case .integer:
            switch scalar.value {
            case .int(let value): return .integer(value)
            case .float(let value) where value.isFinite:
                guard keepsDigits(scalar, value) else {
                    return wrong(node, path, "`\(scalar.text)` has more digits than a number keeps")
                }
                return .number(value)
            default: return wrong(node, path, "expected a number for `\(field)`, found `\(scalar.text)`")
            }
        }
    }

    private func metadataValue(_ scalar: YAMLScalar, _ node: YAMLNode, _ path: String) -> FilterValue? {
        switch scalar.value {
        case .int(let value): return .integer(value)
        case .float(let value) where value.isFinite:
            guard keepsDigits(scalar, value) else {
                let help = "write it in quotes; it is then compared as a text"
                return wrong(node, path, "`\(scalar.text)` has more digits than a number keeps", help: help)
            }
            return .number(value)
        // The operator ->> returns these words for a JSON boolean.
        case .bool(let value): return .text(value ? "true" : "false")
        default: return sink.string(node, field: path).map { .text($0.value) }
        }
    }

    private func time(_ scalar: YAMLScalar, _ node: YAMLNode, _ field: ContactColumn, _ path: String) -> FilterValue? {
        if case .string(let text) = scalar.value, let time = FilterTime(text) { return .time(time) }
        let help = "write `2025-01-31`, `2025-01-31T08:00:00Z`, or `-7d` for seven days ago"
        return wrong(node, path, "`\(scalar.text)` is not a date for `\(field.rawValue)`", help: help)
    }

    private func wrong(_ node: YAMLNode, _ path: String, _ message: String, help: String? = nil) -> FilterValue? {
        sink.report(.filterValue, at: node.range, field: path, message, help: help)
        return nil
    }

    /// Returns whether a number that is no `Int` means exactly what was written.
    ///
    /// Numbers of requests have lost their digits before, so all from 2^53 on are refused. Numbers of rows are taken.
    private func keepsDigits(_ scalar: YAMLScalar, _ value: Double) -> Bool {
        guard !takesAllNumbers else { return true }
        return abs(value) < 9_007_199_254_740_992 && DecimalDigits(scalar.text) == DecimalDigits("\(value)")
    }
}

extension FilterValue {
    /// Returns whether the value is above another one of the same type; `false` if that depends on the moment of
    /// evaluation, and `nil` for values of two types.
    fileprivate func isAbove(_ other: FilterValue) -> Bool? {
        switch (self, other) {
        case (.text(let low), .text(let high)): high.utf8.lexicographicallyPrecedes(low.utf8)
        case (.integer(let low), .integer(let high)): low > high
        case (.integer(let low), .number(let high)): Double(low) > high
        case (.number(let low), .integer(let high)): low > Double(high)
        case (.number(let low), .number(let high)): low > high
        case (.time(.ago(let low)), .time(.ago(let high))): low < high
        case (.time(.instant(let low)), .time(.instant(let high))):
            (low.seconds, low.microseconds) > (high.seconds, high.microseconds)
        case (.time, .time): false
        default: nil
        }
    }
}

/// The digits of a decimal number without zeros at either end, and the power of ten of the last one.
///
/// Two texts of the same number have the same digits, such as `1.50` and `15e-1`.
private struct DecimalDigits: Equatable {
    private let digits: Substring
    private let exponent: Int

    init(_ text: String) {
        let unsigned = text.drop { $0 == "-" || $0 == "+" }
        let parts = unsigned.split(maxSplits: 1, omittingEmptySubsequences: false) { $0 == "e" || $0 == "E" }
        let sides = parts[0].split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let all = sides.joined()
        let fraction = sides.count == 2 ? sides[1].count : 0
        let zeros = all.reversed().prefix { $0 == "0" }.count
        digits = all.dropLast(zeros).drop { $0 == "0" }
        let power = parts.count == 2 ? Int(parts[1]) ?? 0 : 0
        exponent = digits.isEmpty ? 0 : power - fraction + zeros
    }
}
