import Calendar
import JSON
import YAML

/// The type of a field: how its values are read, written and described.
struct FieldCodec<Value: Sendable>: Sendable {
    let schema: SchemaValue
    /// Reads the field of a key; reports what is wrong with it, and returns `nil` without a valid value.
    let read: @Sendable (inout FieldReader, String) -> Value?
    /// The canonical form; `nil` leaves the field out.
    let json: @Sendable (Value) -> JSONValue?
}

/// Words that a field takes, each with its meaning.
protocol SpecChoice: RawRepresentable<String>, CaseIterable, Sendable {
    var meaning: String { get }
}

extension FieldCodec where Value: SpecChoice {
    static var choice: Self {
        Self(
            schema: .choice(Value.self, \.meaning),
            read: { $0.choice($1, of: Value.self) },
            json: { .string($0.rawValue) }
        )
    }
}

extension FieldCodec {
    /// Reads a list of words of an enumeration, at least one; kept in the order of the enumeration.
    ///
    /// - Parameter problem: What is wrong with an empty list, after the name of the field: `allows no category`.
    /// - Returns: The codec.
    static func choices<Choice>(ifEmpty problem: String) -> Self
    where Value == [Choice], Choice: SpecChoice & Equatable {
        Self(
            schema: .list(of: FieldCodec<Choice>.choice.schema, 1...Int.max),
            read: { reader, key in
                let sink = reader.sink
                let read = reader.list(key) { node, field in
                    sink.string(node, field: field).flatMap { sink.choice($0, of: Choice.self, as: key) }
                }
                guard let read else { return nil }
                if read.node.sequence?.isEmpty == true {
                    let message = "`\(key)` \(problem)"
                    let help = "list one, or remove the field"
                    sink.report(.invalidValue, at: read.range, field: read.field, message, help: help)
                }
                return Choice.allCases.filter { read.value.contains($0) }
            },
            json: { .array($0.map { .string($0.rawValue) }) }
        )
    }
}

extension FieldCodec where Value: SpecMapping {
    /// A nested mapping; left out if none of its fields has a value.
    static var mapping: Self {
        Self(
            schema: Value.schema.value,
            read: { reader, key in reader.mapping(key) { Value(reading: &$0) } },
            json: { mapping in
                var object = JSONObject()
                mapping.write(to: &object)
                return object.isEmpty ? nil : .object(object)
            }
        )
    }
}

extension FieldCodec<Bool> {
    static var bool: Self { Self(schema: .bool, read: { $0.bool($1) }, json: JSONValue.bool) }
}

extension FieldCodec<Int> {
    static func integer(_ range: ClosedRange<Int>) -> Self {
        Self(schema: .integer(range), read: { $0.integer($1, in: range)?.value }, json: JSONValue.integer)
    }
}

extension FieldCodec<Int?> {
    /// Reads a number, or `unlimited`, which is `nil`.
    static func integerOrUnlimited(_ range: ClosedRange<Int>) -> Self {
        Self(
            schema: .anyOf(.integer(range), .constant("unlimited")),
            read: { reader, key in
                if reader.node(key)?.node.scalar?.text == "unlimited" { return .some(nil) }
                guard let read = reader.integer(key, in: range) else { return nil }
                return read.value
            },
            json: { $0.map(JSONValue.integer) ?? "unlimited" }
        )
    }
}

extension FieldCodec<String> {
    /// The name of a spec, or a reference to one.
    static var slug: Self { Self(schema: .slug, read: { $0.slug($1)?.value }, json: JSONValue.string) }

    /// Reads a text that is not empty.
    static func text(upTo limit: Int) -> Self {
        Self(
            schema: .text(upTo: limit),
            read: { $0.text($1, required: false, upTo: limit)?.value },
            json: JSONValue.string
        )
    }

    /// Reads a text of one form.
    ///
    /// - Parameters:
    ///   - limit: The maximum number of Unicode scalars.
    ///   - pattern: The form for the schema.
    ///   - form: What the text is, for the message about one of another form: `a phone number`.
    ///   - help: How to write it.
    ///   - code: The code of the message.
    ///   - isValid: True if a text has the form.
    /// - Returns: The codec.
    static func text(
        upTo limit: Int,
        pattern: String,
        form: String,
        help: String,
        code: DiagnosticCode = .invalidValue,
        isValid: @escaping @Sendable (String) -> Bool
    ) -> Self {
        Self(
            schema: .text(upTo: limit, pattern: pattern),
            read: { reader, key in
                guard let read = reader.text(key, required: false, upTo: limit) else { return nil }
                guard reader.sink.isStored || isValid(read.value) else {
                    let message = "`\(read.value)` is not \(form)"
                    reader.sink.report(code, at: read.range, field: read.field, message, help: help)
                    return nil
                }
                return read.value
            },
            json: JSONValue.string
        )
    }
}

extension FieldCodec where Value: CustomStringConvertible {
    /// Reads a value that is written as a text.
    fileprivate static func described(
        _ schema: SchemaValue,
        _ read: @escaping @Sendable (inout FieldReader, String) -> Value?
    ) -> Self {
        Self(schema: schema, read: read, json: { .string($0.description) })
    }
}

extension FieldCodec<SpecDuration> {
    static func duration(from least: SpecDuration = SpecDuration(seconds: 1), upToDays days: Int) -> Self {
        described(.duration) { $0.duration($1, from: least, upTo: SpecDuration(seconds: days * 86_400)) }
    }
}

extension FieldCodec<TimeOfDay> {
    static var timeOfDay: Self { described(.timeOfDay) { $0.timeOfDay($1)?.value } }
}

extension FieldCodec<LocalDateTime> {
    static var localTime: Self { described(.localTime) { $0.localTime($1)?.value } }
}

extension FieldCodec<CronExpression> {
    static var cron: Self { described(.text(words: "[cron expression](#cron)")) { $0.cron($1)?.value } }
}

extension FieldCodec<IANAZone> {
    static var timeZone: Self {
        Self(schema: .timeZone, read: { $0.timeZone($1)?.value }, json: { .string($0.identifier) })
    }
}
