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

    public let header: SpecHeader
    /// A campaign of the same tenant, by its name.
    public let campaign: String
    /// The name of the event, predefined or not.
    public let event: String
    /// The values that the event's context must have; each is a text, a number or a boolean.
    public let match: [String: JSONValue]
    /// The shortest time between two messages to one contact; `nil` means none.
    public let cooldown: SpecDuration?
    public let isActive: Bool

    /// Makes a trigger of values that are valid already.
    public init(
        header: SpecHeader,
        campaign: String,
        event: String,
        match: [String: JSONValue] = [:],
        cooldown: SpecDuration? = nil,
        isActive: Bool = true
    ) {
        self.header = header
        self.campaign = campaign
        self.event = event
        self.match = match
        self.cooldown = cooldown
        self.isActive = isActive
    }

    /// True if the event is not a predefined one.
    public var isCustom: Bool { TriggerEvent(rawValue: event) == nil }

    /// All fields with their defaults; `custom` only if the event is not predefined.
    public var canonical: JSONValue {
        var fields = header.canonicalFields
        fields["campaign"] = .string(campaign)
        fields["event"] = .string(event)
        if isCustom { fields["custom"] = true }
        if !match.isEmpty { fields["match"] = .object(match) }
        fields["cooldown"] = cooldown.map { .string($0.description) }
        fields["isActive"] = .bool(isActive)
        return .object(fields)
    }
}

extension TriggerSpec: SpecDefinition {
    init?(_ reader: inout FieldReader) {
        let header = SpecHeader(&reader)
        reader.require("campaign")
        let campaign = reader.slug("campaign")
        let event = Self.event(&reader)
        let match = Self.match(&reader)
        let cooldown = reader.duration("cooldown", upTo: SpecDuration(seconds: 365 * 86_400))
        let isActive = reader.bool("isActive")
        guard let header else { return nil }
        // Missing fields were reported; the draft still serves to find other mistakes.
        self.init(
            header: header,
            campaign: campaign?.value ?? "",
            event: event ?? "",
            match: match,
            cooldown: cooldown,
            isActive: isActive ?? true
        )
    }

    private static func event(_ reader: inout FieldReader) -> String? {
        reader.require("event")
        let isCustom = reader.bool("custom")
        guard let read = reader.string("event") else { return nil }
        let sink = reader.sink
        if TriggerEvent(rawValue: read.value) != nil {
            if isCustom == true, let range = reader.node("custom")?.range {
                let message = "`\(read.value)` is a predefined event"
                sink.report(.needlessCustom, at: range, field: reader.field("custom"), message, help: "remove `custom`")
            }
            return read.value
        }
        if isCustom != true {
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

    private static func match(_ reader: inout FieldReader) -> [String: JSONValue] {
        guard let read = reader.node("match") else { return [:] }
        guard let mapping = read.node.mapping else {
            reader.sink.reportWrongType(of: read.node, field: read.field, expected: "a mapping")
            return [:]
        }
        var match: [String: JSONValue] = [:]
        for pair in mapping.pairs {
            let field = "\(read.field).\(pair.key)"
            if let value = value(pair.value, field: field, reader.sink) { match[pair.key] = value }
        }
        return match
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

extension TriggerSpec {
    static var schema: SchemaObject {
        let known = TriggerEvent.allCases.map { JSONValue.string($0.rawValue) }
        return SchemaObject(
            fields,
            rules: .when(
                SchemaRule.has("event", known),
                then: [:],
                otherwise: ["required": ["custom"], "properties": ["custom": ["const": true]]]
            )
        )
    }

    private static var fields: [SchemaField] {
        [
            SchemaField(
                "campaign",
                .slug,
                isRequired: true,
                "The campaign, by its name; it has the type `event_triggered`.",
                examples: "overdue-reminder"
            ),
            SchemaField(
                "event",
                .anyOf(
                    .choice(TriggerEvent.self) { "The predefined event \($0.rawValue)." },
                    .text(upTo: 50, pattern: "^[A-Za-z0-9][A-Za-z0-9._-]*$")
                ),
                isRequired: true,
                "The name of the event: a predefined one, or one of your own with `custom: true`.",
                examples: "payment.overdue",
                "appointment.due"
            ),
            SchemaField(
                "custom",
                .bool,
                default: false,
                "`true` declares that the event is your own, and not a misspelt predefined one.",
                examples: true
            ),
            SchemaField(
                "match",
                .mapping(
                    to: SchemaValue(
                        ["type": ["string", "number", "boolean"]],
                        words: "text, number, `true` or `false`"
                    )
                ),
                "Values that the event's context must have; other events are ignored.",
                examples: ["plan": "premium"]
            ),
            SchemaField(
                "cooldown",
                .duration,
                "The minimum time between two messages to one contact; at most 365 days. By default there is none.",
                examples: "24h"
            ),
            SchemaField("isActive", .bool, default: true, "Whether the trigger reacts to events.", examples: false),
        ]
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

    /// True if a text can be the name of an event: 1 to 50 letters, digits, `.`, `_` and `-`, the first a letter or
    /// digit.
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
