import Foundation
import JSON
import Spec
import Synchronization

/// Each function checks the keywords that it knows, and returns whether it knows the given one.
extension SchemaValidator.Visit {
    mutating func checkAny(
        _ keyword: String,
        _ word: JSONValue,
        _ value: JSONValue,
        _ path: [SchemaValidator.Step]
    ) -> Bool {
        switch keyword {
        case "type":
            let types = word.arrayValue ?? [word]
            if !types.contains(where: { value.has(type: $0.stringValue ?? "") }) { fail(path, "is no \(word)") }
        case "const": if value != word { fail(path, "is not \(word)") }
        case "enum": if word.arrayValue?.contains(value) != true { fail(path, "\(value) is none of \(word)") }
        default: return false
        }
        return true
    }

    mutating func checkText(
        _ keyword: String,
        _ word: JSONValue,
        _ value: JSONValue,
        _ path: [SchemaValidator.Step]
    ) -> Bool {
        guard ["minLength", "maxLength", "pattern"].contains(keyword) else { return false }
        guard let text = value.stringValue else { return true }
        let count = text.unicodeScalars.count
        switch keyword {
        case "minLength": if count < word.integerValue ?? 0 { fail(path, "is too short") }
        case "maxLength": if count > word.integerValue ?? 0 { fail(path, "is too long") }
        default:
            let pattern = word.stringValue ?? ""
            guard let expression = Self.expression(pattern) else {
                fail(path, "the schema has the malformed pattern `\(pattern)`")
                return true
            }
            let whole = NSRange(text.startIndex..., in: text)
            if expression.firstMatch(in: text, range: whole) == nil { fail(path, "\(value) does not match \(pattern)") }
        }
        return true
    }

    /// Compiled patterns: a schema has a few, which are checked thousands of times.
    private static let expressions = Mutex<[String: NSRegularExpression]>([:])

    /// Returns the compiled pattern; `nil` if it is malformed.
    private static func expression(_ pattern: String) -> NSRegularExpression? {
        expressions.withLock { known in
            if let expression = known[pattern] { return expression }
            let expression = try? NSRegularExpression(pattern: pattern)
            known[pattern] = expression
            return expression
        }
    }

    mutating func checkNumber(
        _ keyword: String,
        _ word: JSONValue,
        _ value: JSONValue,
        _ path: [SchemaValidator.Step]
    ) -> Bool {
        guard ["minimum", "maximum"].contains(keyword) else { return false }
        guard let number = value.double, let limit = word.double else { return true }
        if keyword == "minimum" ? number < limit : number > limit { fail(path, "\(value) is beyond \(word)") }
        return true
    }

    mutating func checkList(
        _ keyword: String,
        _ word: JSONValue,
        _ value: JSONValue,
        _ path: [SchemaValidator.Step]
    ) -> Bool {
        guard ["items", "minItems", "maxItems", "uniqueItems", "contains"].contains(keyword) else { return false }
        guard let items = value.arrayValue else { return true }
        switch keyword {
        case "minItems": if items.count < word.integerValue ?? 0 { fail(path, "has too few items") }
        case "maxItems": if items.count > word.integerValue ?? 0 { fail(path, "has too many items") }
        case "uniqueItems":
            if word == true, items.indices.contains(where: { items[..<$0].contains(items[$0]) }) {
                fail(path, "has an item twice")
            }
        case "contains": if !items.contains(where: { isValid($0, word, path) }) { fail(path, "has no such item") }
        default: for (index, item) in items.enumerated() { check(item, word, path + [.index(index)]) }
        }
        return true
    }

    mutating func checkObject(
        _ keyword: String,
        _ word: JSONValue,
        _ value: JSONValue,
        _ path: [SchemaValidator.Step],
        in keywords: JSONObject
    ) -> Bool {
        guard ["properties", "required", "additionalProperties", "dependencies"].contains(keyword) else { return false }
        guard let fields = value.objectValue else { return true }
        let known = keywords["properties"]?.objectValue ?? [:]
        switch keyword {
        case "properties":
            for (key, schema) in known { if let field = fields[key] { check(field, schema, path + [.key(key)]) } }
        case "required":
            for key in word.arrayValue ?? [] where fields[key.stringValue ?? ""] == nil { fail(path, "lacks \(key)") }
        case "additionalProperties":
            if word == false { closed.append(.init(path: path, properties: Set(known.keys))) }
            for (key, field) in fields where known[key] == nil { check(field, word, path + [.key(key)]) }
        default:
            for (key, dependency) in word.objectValue ?? [:] where fields[key] != nil {
                let names = dependency.arrayValue
                check(value, names.map { ["required": .array($0)] } ?? dependency, path)
            }
        }
        return true
    }

    mutating func checkLogic(
        _ keyword: String,
        _ word: JSONValue,
        _ value: JSONValue,
        _ path: [SchemaValidator.Step],
        in keywords: JSONObject
    ) -> Bool {
        let schemas = word.arrayValue ?? []
        switch keyword {
        case "allOf": for schema in schemas { check(value, schema, path) }
        case "anyOf": if !schemas.contains(where: { isValid(value, $0, path) }) { fail(path, "fits nothing of anyOf") }
        case "oneOf":
            let count = schemas.count { isValid(value, $0, path) }
            if count != 1 { fail(path, "fits \(count) of oneOf") }
        case "not": if isValid(value, word, path) { fail(path, "fits what it must not") }
        case "if":
            guard let next = keywords[isValid(value, word, path) ? "then" : "else"] else { break }
            check(value, next, path)
        case "then", "else": break
        default: return false
        }
        return true
    }
}

extension JSONValue {
    fileprivate var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    fileprivate func has(type: String) -> Bool {
        switch self {
        case .null: type == "null"
        case .bool: type == "boolean"
        case .integer: type == "integer" || type == "number"
        case .number(let value): type == "number" || type == "integer" && value == value.rounded()
        case .string: type == "string"
        case .array: type == "array"
        case .object: type == "object"
        }
    }
}
