public import JSON
import Spelling
import YAML

/// The event that sends a campaign to the contact of the event.
public struct TriggerSpec: SpecContent {
    public static let kind = SpecKind.trigger

    static let meaning = "The event that sends a campaign of type `event_triggered`."

    static let example = """
        kind: Trigger
        name: on-overdue
        campaign: overdue-reminder
        event: payment.overdue
        match: { plan: premium }
        cooldown: 24h
        """

    public internal(set) var header = SpecHeader()
    /// A campaign of the same tenant, by its name.
    public internal(set) var campaign = ""
    /// The name of the event, predefined or not.
    public internal(set) var event = ""
    /// The values that the event's context must have; each is a text, a number or a boolean.
    public internal(set) var match: [String: JSONValue] = [:]
    /// The shortest time between two messages to one contact; `nil` means none.
    public internal(set) var cooldown: SpecDuration?
    public internal(set) var isActive = true

    /// True if the event is not a predefined one.
    public var isCustom: Bool { TriggerEvent(rawValue: event) == nil }

    /// The declaration of a custom event; the event alone decides it.
    private var custom: Bool? {
        get { isCustom ? true : nil }
        set {}
    }

    /// All fields with their defaults; `custom` only if the event is not predefined.
    public var canonical: JSONValue { canonicalForm }
}

extension TriggerSpec: SpecDefinition, SpecMapping {
    static let fields: [Field] = [
        Field("campaign", \.campaign, .slug).required(keepsDraft: true)
            .says("The campaign, by its name; it has the type `event_triggered`.", examples: "overdue-reminder"),
        Field("event", \.event, .event).required(keepsDraft: true)
            .says(
                "The name of the event: a predefined one, or one of your own with `custom: true`.",
                examples: "payment.overdue",
                "appointment.due"
            ),
        Field("custom", \.custom, .bool).showsDefault(false)
            .says(
                "`true` declares that the event is your own, and not a misspelt predefined one.",
                examples: true
            ),
        Field("match", \.match, .match)
            .says(
                "Values that the event's context must have; other events are ignored.",
                examples: ["plan": "premium"]
            ),
        Field("cooldown", \.cooldown, .duration(upToDays: 365))
            .says(
                "The minimum time between two messages to one contact; at most 365 days. By default there is none.",
                examples: "24h"
            ),
        Field("isActive", \.isActive, .bool).says("Whether the trigger reacts to events.", examples: false),
    ]

    // The reader of `event` checks it.
    static let rules = [
        SchemaRule.when(
            SchemaRule.has("event", TriggerEvent.allCases.map { .string($0.rawValue) }),
            then: [:],
            otherwise: ["required": ["custom"], "properties": ["custom": ["const": true]]]
        )
    ]
}

extension FieldCodec<String> {
    fileprivate static var event: Self {
        Self(
            schema: .anyOf(
                .choice(TriggerEvent.self) { "The predefined event \($0.rawValue)." },
                .text(upTo: 50, pattern: "^[A-Za-z0-9][A-Za-z0-9._-]*$")
            ),
            read: { reader, key in
                let custom = reader.node("custom")
                guard let read = reader.string(key) else { return nil }
                return Self.event(read, custom: custom, reader.sink)
            },
            json: JSONValue.string
        )
    }

    /// Takes a predefined event without `custom: true`, or any other with it.
    private static func event(_ read: ReadValue<String>, custom: ReadNode?, _ sink: DiagnosticSink) -> String? {
        let isCustom = custom?.node.scalar?.value == .bool(true)
        if TriggerEvent(rawValue: read.value) != nil {
            if let custom, isCustom {
                let message = "`\(read.value)` is a predefined event"
                sink.report(.needlessCustom, at: custom.range, field: custom.field, message, help: "remove `custom`")
            }
            return read.value
        }
        guard isCustom else {
            let known = TriggerEvent.allCases.map(\.rawValue)
            let near = SpellingSuggestion.candidates(for: read.value, among: known)
            let help =
                near.isEmpty
                ? "use \(SpellingSuggestion.list(known, "or")), or add `custom: true` for an event of your own"
                : "did you mean \(SpellingSuggestion.list(near, "or"))? add `custom: true` for an event of your own"
            sink.report(.unknownEvent, at: read.range, field: read.field, "unknown event `\(read.value)`", help: help)
            return nil
        }
        guard TriggerEvent.isName(read.value) else {
            let message = "`\(read.value)` is not the name of an event"
            let help = "names have 1 to 50 letters, digits, `.`, `_` and `-`, and start with a letter or digit"
            sink.report(.invalidValue, at: read.range, field: read.field, message, help: help)
            return nil
        }
        return read.value
    }
}

extension FieldCodec<[String: JSONValue]> {
    /// Texts, numbers and booleans by their keys.
    fileprivate static var match: Self {
        Self(
            schema: .mapping(
                to: SchemaValue(["type": ["string", "number", "boolean"]], words: "text, number, `true` or `false`")
            ),
            read: { reader, key in
                guard let read = reader.node(key) else { return nil }
                guard let mapping = read.node.mapping else {
                    reader.sink.reportWrongType(of: read.node, field: read.field, expected: "a mapping")
                    return nil
                }
                var match: [String: JSONValue] = [:]
                for pair in mapping.pairs {
                    let field = "\(read.field).\(pair.key)"
                    if let value = Self.value(pair.value, field: field, reader.sink) { match[pair.key] = value }
                }
                return match
            },
            json: { $0.isEmpty ? nil : .object($0) }
        )
    }

    private static func value(_ node: YAMLNode, field: String, _ sink: DiagnosticSink) -> JSONValue? {
        switch node.scalar?.value {
        case .string: return sink.string(node, field: field).map { .string($0.value) }
        case .bool(let value): return .bool(value)
        case .int(let value): return .integer(value)
        case .float(let value) where value.isFinite: return .number(value)
        case .float, .null, nil:
            sink.reportWrongType(of: node, field: field, expected: "a text, a number or a boolean")
            return nil
        }
    }
}

/// The predefined events.
public enum TriggerEvent: String, Hashable, Sendable, CaseIterable {
    case ticketPurchased = "ticket.purchased"
    case eventCheckin = "event.checkin"
    case eventRegistration = "event.registration"
    case surveyCompleted = "survey.completed"
    case contentPublished = "content.published"
    case contactCreated = "contact.created"
    case paymentReceived = "payment.received"
    case paymentOverdue = "payment.overdue"
    case sessionResolved = "session.resolved"

    /// Returns true if a text can be the name of an event: 1 to 50 letters, digits, `.`, `_` and `-`, the first a
    /// letter or digit.
    public static func isName(_ text: String) -> Bool {
        let bytes = text.utf8
        guard (1...50).contains(bytes.count), let first = bytes.first, isLetterOrDigit(first) else { return false }
        return bytes.allSatisfy { byte in
            isLetterOrDigit(byte) || [UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-")].contains(byte)
        }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
