import Calendar
package import Foundation
import JSON
import Spec
import Spelling

extension Shape {
    /// Returns all problems of a value with their paths; the path of the value itself is empty.
    func problems(of value: JSONValue, at path: String = "") -> [FieldProblem] {
        switch self {
        case .any: []
        case .null: value == .null ? [] : wrongType(value, path)
        case .bool: value.boolValue == nil ? wrongType(value, path) : []
        case .number: isNumber(value) ? [] : wrongType(value, path)
        case .integer(let range): integerProblems(value, range, path)
        case .text(let range): textProblems(value, range, path)
        case .formatted(let format): formatProblems(value, format, path)
        case .choice(let words): choiceProblems(value, words, path)
        case .list(let item, let count): listProblems(value, item, count, path)
        case .object(let object): object.problems(of: value, at: path)
        case .map(let item, let keys): mapProblems(value, item, keys, path)
        case .spec: value.objectValue == nil ? wrongType(value, path) : []
        case .nullable(let shape): value == .null ? [] : shape.problems(of: value, at: path)
        case .anyOf(let shapes): anyProblems(value, shapes, path)
        }
    }

    /// The expected type in words, for messages.
    private var words: String {
        switch self {
        case .any: "a value"
        case .null: "null"
        case .bool: "true or false"
        case .integer: "a whole number"
        case .number: "a number"
        case .text, .choice: "a text"
        case .formatted(.uuid): "a UUID"
        case .formatted(.dateTime): "a time such as 2026-12-01T09:00:00Z"
        case .formatted(.eventName):
            "an event: 1 to 50 letters, digits, `.`, `_` and `-`, beginning with a letter or digit"
        case .formatted(.localTime): "a time such as 2026-12-01T09:00"
        case .formatted(.duration): "a duration such as 6h"
        case .list: "a list"
        case .object, .map, .spec: "an object"
        case .nullable(let shape): "\(shape.words) or null"
        case .anyOf(let shapes): shapes.map(\.words).joined(separator: " or ")
        }
    }

    private func wrongType(_ value: JSONValue, _ path: String) -> [FieldProblem] {
        [FieldProblem(path, "expected \(words), found \(value.typeWords)")]
    }

    private func isNumber(_ value: JSONValue) -> Bool {
        switch value {
        case .integer, .number: true
        default: false
        }
    }

    private func integerProblems(_ value: JSONValue, _ range: ClosedRange<Int>, _ path: String) -> [FieldProblem] {
        guard let number = value.wholeNumber else { return wrongType(value, path) }
        guard range.contains(number) else {
            return [FieldProblem(path, "\(number) is outside of \(range.lowerBound) to \(range.upperBound)")]
        }
        return []
    }

    private func textProblems(_ value: JSONValue, _ range: ClosedRange<Int>, _ path: String) -> [FieldProblem] {
        guard let text = value.stringValue else { return wrongType(value, path) }
        let count = text.unicodeScalars.count
        if count < range.lowerBound { return [FieldProblem(path, "must not be empty")] }
        guard count <= range.upperBound else {
            return [FieldProblem(path, "has \(count) characters, more than \(range.upperBound)")]
        }
        return []
    }

    private func formatProblems(_ value: JSONValue, _ format: Format, _ path: String) -> [FieldProblem] {
        guard let text = value.stringValue else { return wrongType(value, path) }
        let isGood =
            switch format {
            case .uuid: UUID(uuidString: text) != nil
            case .dateTime: Date(apiText: text) != nil
            case .eventName: TriggerEvent.isName(text)
            // The reader of schedules has more precise messages.
            case .localTime, .duration: true
            }
        return isGood ? [] : [FieldProblem(path, "is not \(words)")]
    }

    private func choiceProblems(_ value: JSONValue, _ words: [String], _ path: String) -> [FieldProblem] {
        guard let text = value.stringValue else { return wrongType(value, path) }
        if words.contains(text) { return [] }
        let help =
            SpellingSuggestion.help(for: text, among: words, what: "use one of")
            ?? "use one of \(SpellingSuggestion.list(words, "or"))"
        return [FieldProblem(path, "unknown value; \(help)")]
    }

    private func listProblems(
        _ value: JSONValue,
        _ item: Shape,
        _ count: ClosedRange<Int>,
        _ path: String
    ) -> [FieldProblem] {
        guard let items = value.arrayValue else { return wrongType(value, path) }
        guard count.contains(items.count) else {
            return [FieldProblem(path, "has \(items.count) items, not \(count.lowerBound) to \(count.upperBound)")]
        }
        return items.enumerated().flatMap { item.problems(of: $1, at: "\(path)[\($0)]") }
    }

    private func mapProblems(
        _ value: JSONValue,
        _ item: Shape,
        _ keys: ClosedRange<Int>,
        _ path: String
    ) -> [FieldProblem] {
        guard let fields = value.objectValue else { return wrongType(value, path) }
        guard keys.contains(fields.count) else {
            return [FieldProblem(path, "has \(fields.count) fields, more than \(keys.upperBound)")]
        }
        return fields.sorted { $0.key < $1.key }.flatMap { key, value in
            item.problems(of: value, at: FieldProblem(key, "").below(path).field)
        }
    }

    private func anyProblems(_ value: JSONValue, _ shapes: [Shape], _ path: String) -> [FieldProblem] {
        let found = shapes.map { $0.problems(of: value, at: path) }
        if found.contains(where: \.isEmpty) { return [] }
        // The problems of the alternative that has the type of the value help most.
        let fitting = zip(shapes, found).first { shape, _ in shape.isType(of: value) }
        return fitting?.1 ?? wrongType(value, path)
    }

    /// Returns true if the value has the type of this shape; its contents are not checked.
    private func isType(of value: JSONValue) -> Bool {
        switch (self, value) {
        case (.any, _), (.null, .null), (.bool, .bool), (.list, .array), (.object, .object), (.map, .object),
            (.spec, .object), (.number, .integer), (.number, .number), (.integer, .integer), (.integer, .number),
            (.text, .string), (.formatted, .string), (.choice, .string):
            true
        case (.nullable(let shape), _): value == .null || shape.isType(of: value)
        case (.anyOf(let shapes), _): shapes.contains { $0.isType(of: value) }
        default: false
        }
    }
}

extension ObjectShape {
    /// Returns the problems of an object and of its fields.
    func problems(of value: JSONValue, at path: String) -> [FieldProblem] {
        guard let object = value.objectValue else {
            return [FieldProblem(path, "expected an object, found \(value.typeWords)")]
        }
        let names = fields.map(\.name)
        let unknown = object.keys.filter { !names.contains($0) }.sorted().map { key in
            let help = SpellingSuggestion.help(for: key, among: names, what: "known are").map { "; \($0)" } ?? ""
            return FieldProblem(String(key.prefix(100)), "unknown field" + help).below(path)
        }
        let known = fields.flatMap { field -> [FieldProblem] in
            let place = FieldProblem(field.name, "is missing").below(path)
            guard let found = object[field.name] else { return field.isRequired ? [place] : [] }
            return field.shape.problems(of: found, at: place.field)
        }
        return unknown + known
    }
}

extension JSONValue {
    /// The value of a number without a fraction, also of one written as `1.0`.
    var wholeNumber: Int? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int(exactly: value)
        default: nil
        }
    }

    fileprivate var typeWords: String {
        switch self {
        case .null: "null"
        case .bool: "true or false"
        case .integer, .number: "a number"
        case .string: "a text"
        case .array: "a list"
        case .object: "an object"
        }
    }

    /// False if a text or key has a NUL character, which Postgres cannot store.
    var isStorable: Bool {
        switch self {
        case .string(let text): !text.utf8.contains(0)
        case .array(let items): items.allSatisfy(\.isStorable)
        case .object(let fields): fields.allSatisfy { !$0.key.utf8.contains(0) && $0.value.isStorable }
        default: true
        }
    }

    /// Returns the paths of all texts and keys with a NUL character.
    func unstorableTexts(at path: String = "") -> [FieldProblem] {
        switch self {
        case .string(let text):
            return text.unicodeScalars.contains("\0") ? [FieldProblem(path, "has a NUL character")] : []
        case .array(let items): return items.enumerated().flatMap { $1.unstorableTexts(at: "\(path)[\($0)]") }
        case .object(let fields):
            return fields.flatMap { key, value -> [FieldProblem] in
                if key.unicodeScalars.contains("\0") { return [FieldProblem(path, "has a key with a NUL character")] }
                return value.unstorableTexts(at: FieldProblem(key, "").below(path).field)
            }
        default: return []
        }
    }
}

extension Date {
    /// Reads an instant with its zone (RFC 3339), between the years 1970 and 2200.
    init?(apiText text: String) {
        // A day alone has no zone.
        guard text.utf8.count >= 20, let instant = Instant(text) else { return nil }
        guard (0..<7_258_118_400).contains(instant.seconds) else { return nil }
        self = instant.date
    }

    /// The instant in UTC, in the form of answers.
    package var apiText: String { Instant(self).description }
}
