import AccessTokens
import JSON
import Spec

/// Hides who people are from tokens without the scope `contacts`.
enum ContactMask {
    /// The text in place of an address, a personal number or a value of metadata, whose length would tell something, too.
    static let whole = "••••••"

    /// The columns of contacts that tell people apart.
    private static let personal: Set<ContactColumn> = [.contactId, .email, .pin]

    /// Hides the middle of a number or id, so that a known contact can be recognised but not called.
    ///
    /// At most half of it is shown.
    static func hidden(_ id: String) -> String {
        guard id.count > 8 else { return String(repeating: "•", count: id.count) }
        let start = id.count < 12 ? 2 : 4
        return id.prefix(start) + String(repeating: "•", count: id.count - start - 2) + id.suffix(2)
    }

    /// Hides numbers in the words of others, such as WhatsApp's reasons for a failure.
    static func hidden(inWords text: String) -> String { text.replacing(/[0-9]{7,}/, with: "…") }

    /// Hides the value of a placeholder of a message, given by its path, if it tells people apart or is metadata.
    static func hidden(_ value: String, of placeholder: String) -> String {
        if placeholder.hasPrefix("metadata.") { return whole }
        switch ContactColumn(rawValue: placeholder) {
        case .contactId: return hidden(value)
        case .email, .pin: return whole
        default: return value
        }
    }

    /// Hides the people that specs name: test recipients, and the values of conditions on numbers and addresses.
    ///
    /// - Parameter value: The content of a spec, a change of a plan, or a filter.
    /// - Returns: The value without them, also where a sentence repeats them.
    static func hidden(in value: JSONValue) -> JSONValue {
        var names: [String: String] = [:]
        collect(from: value, into: &names)
        guard !names.isEmpty else { return value }
        return replacing(names.sorted { ($1.key.count, $0.key) < ($0.key.count, $1.key) }, in: value)
    }

    /// Refuses a filter in a request that asks for what is hidden: many of them would find it out, letter by letter.
    ///
    /// A filter may compare what every token is shown of contacts. Of numbers and addresses every token sees whether there is one, of
    /// metadata not even that. A filter that is stored was reviewed, and may compare anything.
    ///
    /// - Throws: ``Problem`` that names the missing scope.
    static func check(_ filter: AudienceFilter, for caller: Caller) throws(Problem) {
        guard !caller.scopes.allows(.contacts), let field = filter.hiddenField else { return }
        throw .forbidden(.contacts, to: "filter by `\(field)`")
    }

    /// Returns true for a field of a filter that tells people apart.
    fileprivate static func isPersonal(_ field: FilterField) -> Bool {
        guard case .contact(let column) = field else { return false }
        return personal.contains(column)
    }

    /// Adds the texts that name people, each with what is shown instead.
    private static func collect(from value: JSONValue, into names: inout [String: String]) {
        switch value {
        case .array(let items): for item in items { collect(from: item, into: &names) }
        case .object(let fields):
            if let field = fields["field"]?.stringValue.flatMap(FilterField.init), isPersonal(field) {
                for text in fields["value"].map(texts) ?? [] { names[text] = hidden(text, of: field.description) }
            }
            // A difference of a plan has the path of its field and the values.
            let isList = fields["path"]?.stringValue?.hasPrefix(testRecipients) ?? false
            for list in isList ? [fields["before"], fields["after"]] : [fields[testRecipients]] {
                for text in list.map(texts) ?? [] { names[text] = hidden(text) }
            }
            for (_, item) in fields { collect(from: item, into: &names) }
        case .null, .bool, .integer, .number, .string: break
        }
    }

    private static let testRecipients = "testRecipients"

    /// Returns the texts of a value or of a list of values.
    private static func texts(of value: JSONValue) -> [String] {
        switch value {
        case .string(let text): text.isEmpty ? [] : [text]
        case .array(let items): items.flatMap(texts)
        case .null, .bool, .integer, .number, .object: []
        }
    }

    private static func replacing(_ names: [(key: String, value: String)], in value: JSONValue) -> JSONValue {
        switch value {
        case .string(var text):
            for (name, mask) in names {
                // A short text may be a part of any word.
                if text == name { return .string(mask) }
                if name.count > 4 { text = text.replacing(name, with: mask) }
            }
            return .string(text)
        case .array(let items): return .array(items.map { replacing(names, in: $0) })
        case .object(let fields):
            return .object(fields.mapValues { replacing(names, in: $0) })
        case .null, .bool, .integer, .number: return value
        }
    }
}

extension APICall {
    /// True if the token must not see who people are.
    var isMasked: Bool { !caller.scopes.allows(.contacts) }

    /// Hides an id of a person, unless the token may see it.
    func shown(_ id: String) -> String { isMasked ? ContactMask.hidden(id) : id }

    /// Hides the people that a spec or a filter names, unless the token may see them.
    func hidingPeople(in spec: JSONValue) -> JSONValue { isMasked ? ContactMask.hidden(in: spec) : spec }

    /// Hides numbers in the words of others, unless the token may see them.
    func hidingNumbers(in words: String) -> String { isMasked ? ContactMask.hidden(inWords: words) : words }
}

extension AudienceFilter {
    /// The first field of a condition that asks for what is hidden; `nil` if there is none.
    fileprivate var hiddenField: String? {
        switch self {
        case .group(_, let members): members.lazy.compactMap(\.hiddenField).first
        case .not(let filter): filter.hiddenField
        case .condition(let condition):
            switch (condition.field, condition.check) {
            case (.metadata, _): condition.field.description
            case (_, .isNull), (_, .isNotNull): nil
            default: ContactMask.isPersonal(condition.field) ? condition.field.description : nil
            }
        }
    }
}
