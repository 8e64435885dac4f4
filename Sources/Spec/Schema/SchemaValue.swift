import JSON

/// The values that a field takes, in the words of JSON Schema draft-07, and in words for people.
struct SchemaValue: Sendable {
    /// The fields of a mapping within the value.
    struct Part: Sendable {
        /// The path of the mapping within the value: empty, or `[]` for the items of a list.
        let path: String
        /// The condition, in the words of the fields, such as ``"`type` is `url`"``; `nil` means always.
        let condition: String?
        let object: SchemaObject
    }

    var keywords: [String: JSONValue]
    /// The type and range for `docs/specs.md`, such as `whole number, 1 to 4`.
    let words: String
    /// The words of an enumeration, each with its meaning.
    var choices: [(word: String, meaning: String)] = []
    var parts: [Part] = []

    init(_ keywords: [String: JSONValue], words: String = "any value") {
        self.keywords = keywords
        self.words = words
    }

    var json: JSONValue { .object(keywords) }

    static let bool = SchemaValue(["type": "boolean"], words: "`true` or `false`")

    /// The name of a spec, or a reference to one.
    static let slug = text(pattern: "^[a-z0-9][a-z0-9-]{0,62}$", words: "[name](#names)")

    static let duration = text(pattern: TextPattern.duration, words: "[duration](#durations-and-times)")

    static let timeOfDay = text(
        pattern: "^([01][0-9]|2[0-3]):[0-5][0-9]$",
        words: "[time of day](#durations-and-times)"
    )

    /// A local time; a date alone is its midnight.
    static let localTime = text(pattern: TextPattern.localTime, words: "[local time](#durations-and-times)")

    /// The name of a zone; which names exist is left to the readers.
    static let timeZone = text(words: "IANA time zone")

    /// Makes a schema for exactly one value.
    static func constant(_ value: String) -> Self {
        SchemaValue(["const": .string(value)], words: "`\(value)`")
    }

    /// Makes a schema for a string that is not empty; lengths count Unicode scalars, as those of the readers do.
    static func text(upTo limit: Int? = nil, pattern: String? = nil, words: String = "text") -> Self {
        var keywords: [String: JSONValue] = ["type": "string"]
        if pattern == nil { keywords["minLength"] = 1 }
        keywords["maxLength"] = limit.map(JSONValue.integer)
        keywords["pattern"] = pattern.map(JSONValue.string)
        return SchemaValue(keywords, words: words + (limit.map { ", up to \(grouped($0)) characters" } ?? ""))
    }

    static func integer(_ range: ClosedRange<Int>) -> Self {
        SchemaValue(
            ["type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound)],
            words: "whole number, \(grouped(range.lowerBound)) to \(grouped(range.upperBound))"
        )
    }

    static func list(of item: SchemaValue, _ count: ClosedRange<Int>? = nil, isSet: Bool = false) -> Self {
        var keywords: [String: JSONValue] = ["type": "array", "items": item.json]
        var words = "list"
        if let count {
            keywords["minItems"] = .integer(count.lowerBound)
            if count.upperBound < .max { keywords["maxItems"] = .integer(count.upperBound) }
            words += count.upperBound < .max ? ", up to \(count.upperBound)" : ", not empty"
        }
        if isSet { keywords["uniqueItems"] = true }
        var value = SchemaValue(keywords, words: item.choices.isEmpty ? "\(words): \(item.words)" : words)
        value.choices = item.choices
        value.parts = item.parts.map { Part(path: "[]" + $0.path, condition: $0.condition, object: $0.object) }
        return value
    }

    /// Makes a schema for a mapping whose keys the author chooses.
    static func mapping(to value: SchemaValue) -> Self {
        SchemaValue(["type": "object", "additionalProperties": value.json], words: "mapping of keys to \(value.words)")
    }

    /// Makes a schema for one of the words of an enumeration, each with its meaning.
    static func choice<Choice>(_ type: Choice.Type, _ meaning: (Choice) -> String) -> Self
    where Choice: CaseIterable & RawRepresentable<String> {
        choice(Array(type.allCases), meaning)
    }

    /// Makes a schema for one of some words of an enumeration, each with its meaning.
    static func choice<Choice: RawRepresentable<String>>(_ words: [Choice], _ meaning: (Choice) -> String) -> Self {
        var value = SchemaValue(
            [
                "type": "string",
                "enum": .array(words.map { .string($0.rawValue) }),
                "enumDescriptions": .array(words.map { .string(meaning($0)) }),
            ],
            words: "one of"
        )
        value.choices = words.map { ($0.rawValue, meaning($0)) }
        return value
    }

    static func anyOf(_ values: SchemaValue...) -> Self {
        let words = values.map { value in
            value.choices.isEmpty ? value.words : value.choices.map { "`\($0.word)`" }.joined(separator: ", ")
        }
        return SchemaValue(["anyOf": .array(values.map(\.json))], words: words.joined(separator: ", or "))
    }

    /// Refers to a definition; within `allOf`, because draft-07 ignores all keywords beside `$ref`.
    static func definition(_ name: String, words: String) -> Self {
        SchemaValue(["allOf": [reference(name)]], words: words)
    }

    static func reference(_ name: String) -> JSONValue {
        ["$ref": .string("#/definitions/\(name)")]
    }

    /// Makes a schema for a mapping whose fields depend on one of them: `key` says which of the objects it is.
    static func variants<Choice>(
        by key: SchemaField,
        of type: Choice.Type,
        _ object: (Choice) -> SchemaObject
    ) -> Self where Choice: CaseIterable & RawRepresentable<String> {
        var parts = [Part(path: "", condition: nil, object: SchemaObject([key]))]
        let cases = type.allCases.map { choice -> JSONValue in
            var variant = object(choice)
            parts.append(Part(path: "", condition: choice.rawValue, object: variant))
            variant.fields.insert(key.with(.constant(choice.rawValue), example: .string(choice.rawValue)), at: 0)
            return ["if": SchemaRule.has(key.name, .string(choice.rawValue)), "then": variant.json]
        }
        var value = SchemaValue(
            [
                "type": "object",
                "required": [.string(key.name)],
                "properties": .object([key.name: key.json]),
                "allOf": .array(cases),
            ],
            words: "mapping"
        )
        value.parts = parts
        return value
    }

    /// Writes a number with separators between thousands.
    private static func grouped(_ number: Int) -> String {
        let digits = Array(String(number))
        return digits.indices.map { index in
            (index > 0 && (digits.count - index) % 3 == 0 ? "," : "") + String(digits[index])
        }
        .joined()
    }
}

/// The forms of texts as regular expressions of JSON Schema (ECMA-262), for specs and for the HTTP API.
package enum TextPattern {
    /// A duration such as `6h`, longer than zero.
    package static let duration = "^(?=.*[1-9])[0-9]{1,9}[smhd]$"
    /// A time on the clock of some zone; a date alone is its midnight.
    package static let localTime = "^\(date)(T\(hour):[0-5][0-9](:[0-5][0-9])?)?$"

    /// A phone number with its country code: 7 to 15 digits, with blanks, brackets and hyphens between them.
    static let phoneNumber = "^\\+?[1-9]([ ()-]*[0-9]){6,14}$"

    /// A date, without anchors.
    static let date = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    /// An hour of a day, without anchors.
    static let hour = "([01][0-9]|2[0-3])"
}
