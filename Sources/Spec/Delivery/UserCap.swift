public import JSON
import YAML

/// The reaction when WhatsApp delivers no more marketing messages to a person for a while (code 131049).
public struct UserCap: Hashable, Sendable {
    /// The fate of a message that is refused for it.
    public enum Action: String, Hashable, Sendable, CaseIterable, SpecChoice {
        case fail, retry

        var meaning: String {
            switch self {
            case .fail: "The message fails."
            case .retry: "The message waits, and is tried again; that counts as none of its three attempts."
            }
        }
    }

    public internal(set) var action = Action.fail
    /// The time from a refusal to the next attempt; at least an hour.
    public internal(set) var every = SpecDuration(seconds: 24 * 3600)
    /// The time since the first refusal after which a further one fails the message; not shorter than ``every``.
    public internal(set) var until = SpecDuration(seconds: 72 * 3600)

    /// Makes a reaction with the default times.
    init(_ action: Action) {
        self.action = action
    }

    /// Reads the stored form, or that of a request: a word, or an object with `action`, `every` and `until`.
    ///
    /// - Throws: `SpecError` with every mistake.
    public init(json: JSONValue) throws(SpecError) {
        let sink = DiagnosticSink(file: "")
        let document: JSONValue = ["onUserCap": json]
        guard var reader = FieldReader(document.node, path: "", what: "it", sink: sink),
            let cap = FieldCodec<UserCap>.userCap.read(&reader, "onUserCap"), sink.isClean(since: 0)
        else { throw SpecError(diagnostics: sink.diagnostics) }
        self = cap
    }

    /// `"fail"`, or an object with all three fields.
    public var json: JSONValue {
        guard action == .retry else { return .string(action.rawValue) }
        var object = JSONObject()
        write(to: &object)
        return .object(object)
    }
}

extension UserCap: SpecMapping {
    init() {}

    private static let shortest = SpecDuration(seconds: 3600)

    static let fields: [Field] = [
        Field("action", \.action, .choice).required()
            .says("What happens to the message.", examples: "retry"),
        Field("every", \.every, .duration(from: shortest, upToDays: 30))
            .says(
                "The time from a refusal to the next attempt; 1 hour to 30 days. WhatsApp asks for 24 hours.",
                examples: "24h"
            ),
        Field("until", \.until, .duration(from: shortest, upToDays: 30))
            .says(
                "The time since the first refusal after which a further one fails the message; at least `every`, at most 30 "
                    + "days.",
                examples: "72h"
            ),
    ]

    static let rules: [SchemaRule] = ["every", "until"].map { key in
        SchemaRule(
            json: SchemaRule.when(
                SchemaRule.has("action", "fail"),
                then: ["properties": .object([key: .bool(false)])]
            ).json
        ) { reader in
            guard case .string("fail") = reader.peek("action")?.node.scalar?.value, let extra = reader.peek(key) else {
                return
            }
            let message = "`\(key)` belongs to `action: retry`"
            reader.sink.report(.invalidValue, at: extra.range, field: extra.field, message, help: "remove it")
        }
    }

    func complete(_ reader: FieldReader, isWhole: Bool) -> Bool {
        guard isWhole, action == .retry, until < every, let place = reader.peek("until") ?? reader.peek("every") else {
            return true
        }
        let message = "`until` is \(until), shorter than `every` (\(every))"
        let help = "make `until` at least as long: it counts from the first refusal"
        reader.sink.report(.duration, at: place.range, field: place.field, message, help: help)
        return false
    }
}

extension FieldCodec<UserCap> {
    /// A word, or a mapping.
    static var userCap: Self {
        let (word, mapping) = (FieldCodec<UserCap.Action>.choice.schema, UserCap.schema.value)
        var schema = SchemaValue(
            ["if": ["type": "string"], "then": word.json, "else": mapping.json],
            words: SchemaValue.anyOf(word, mapping).words
        )
        schema.parts = mapping.parts
        return Self(
            schema: schema,
            read: { reader, key in
                guard reader.peek(key)?.node.isScalar == true else {
                    return reader.mapping(key) { UserCap(reading: &$0) }
                }
                return reader.choice(key, of: UserCap.Action.self).map { UserCap($0) }
            },
            json: { $0.json }
        )
    }
}
