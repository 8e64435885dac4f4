package import JSON

/// The choice among the languages of a message.
package struct LanguageChoice: Hashable, Sendable {
    /// The codes as WhatsApp writes them, such as `pt_BR`.
    package let codes: [String]
    /// The language of people whose own is not there.
    package let fallback: String
    private let exact: [String: String]
    private let byBeginning: [String: String]

    /// Makes a choice; among languages that begin alike, the fallback comes first, then the first one by the alphabet.
    package init(codes: some Sequence<String>, fallback: String) {
        (self.codes, self.fallback) = (codes.sorted(), fallback)
        var (exact, byBeginning): ([String: String], [String: String]) = ([:], [:])
        for code in [fallback] + self.codes where self.codes.contains(code) {
            let name = Self.normal(code)
            if exact[name] == nil { exact[name] = code }
            let beginning = String(name.prefix { $0 != "_" })
            if byBeginning[beginning] == nil { byBeginning[beginning] = code }
        }
        (self.exact, self.byBeginning) = (exact, byBeginning)
    }

    /// Returns the language for a person: the one asked for, in any spelling; else the one that it is a form of, as `pt` of
    /// `pt_PT`; for a language without a region any form of it, as `pt_BR` for `pt`; else the fallback.
    package func code(for wish: String?) -> String { own(for: wish) ?? fallback }

    /// Returns the language that a person asks for, or one in place of it; `nil` if there is none, so that they get the fallback.
    package func own(for wish: String?) -> String? {
        guard let wish, !wish.isEmpty, wish.utf8.count <= 35 else { return nil }
        var name = Self.normal(wish)
        while true {
            if let code = exact[name] { return code }
            guard let end = name.lastIndex(of: "_") else { break }
            name = String(name[..<end])
        }
        return wish.contains { $0 == "_" || $0 == "-" } ? nil : byBeginning[name]
    }

    /// Returns true if a text names a language that WhatsApp knows, whether the message has it or not.
    package static func isLanguage(_ text: String) -> Bool { TemplateLanguages.isLanguage(text.trimmingBlanks) }

    private static func normal(_ code: String) -> String {
        code.trimmingBlanks.lowercased().replacing("-", with: "_")
    }
}

extension String {
    fileprivate var trimmingBlanks: String {
        String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}

/// A template message in several languages, of which each person gets one.
///
/// In place of the code of the language it has a placeholder that versions before languages do not know: they refuse to send
/// it, rather than send everybody the same language.
package struct MessageLanguages: Sendable {
    private static let placeholder = "{{language}}"
    private static let key = "languages"

    package let choice: LanguageChoice
    /// The messages by the codes of their languages.
    package let variants: [String: JSONValue]

    /// Reads a message as revisions store it; `nil` for one in a single language.
    package init?(_ message: JSONValue) {
        guard let languages = message[Self.key], let all = languages["components"]?.objectValue,
            let fallback = languages["fallback"]?.stringValue, let name = message["template"]?["name"]
        else { return nil }
        choice = LanguageChoice(codes: all.keys, fallback: fallback)
        variants = all.reduce(into: [:]) { variants, language in
            var template: JSONObject = ["name": name, "language": ["code": .string(language.key)]]
            if language.value.arrayValue?.isEmpty == false { template["components"] = language.value }
            variants[language.key] = ["type": "template", "template": .object(template)]
        }
    }

    /// Makes the message of a template in all its languages.
    static func message(_ name: String, _ components: [String: [JSONValue]], fallback: String) -> JSONValue {
        [
            "type": "template",
            "template": ["name": .string(name), "language": ["code": .string(placeholder)]],
            key: ["fallback": .string(fallback), "components": .object(components.mapValues(JSONValue.array))],
        ]
    }

    /// Returns the messages that people may get; the message itself if it has one language.
    package static func all(of message: JSONValue) -> [JSONValue] {
        guard let languages = MessageLanguages(message) else { return [message] }
        return languages.variants.sorted { $0.key < $1.key }.map(\.value)
    }
}
