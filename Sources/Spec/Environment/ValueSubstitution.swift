import Spelling
internal import YAML

/// The environment that specs are read with.
struct EnvironmentChoice: Sendable {
    /// The values; `nil` if no environment was chosen.
    let values: EnvironmentValues?
    /// The names of all environments.
    let known: [String]

    static let none = EnvironmentChoice(values: nil, known: [])
}

/// Replaces `${name}` in the values of documents by those of an environment.
///
/// A value that is only `${name}` becomes the value of the environment with its type, so that a number stays a number.
/// Within a longer text it becomes a part of the text. Keys are not changed, nor is a `${` in a value of the
/// environment. Places stay those of the spec.
struct ValueSubstitution {
    /// A scalar of a spec with the value of the environment that it takes.
    struct Substituted: Sendable {
        let range: YAMLRange
        let name: String
        let value: EnvironmentValues.Value
    }

    private let choice: EnvironmentChoice
    /// Receives the findings; `nil` if the documents were checked before.
    private let sink: DiagnosticSink?
    /// The scalars that were replaced.
    private(set) var substituted: [Substituted] = []
    /// The names that the documents take, also those without a value.
    private(set) var names: Set<String> = []

    /// The fields that identify a spec, which are the same in every environment.
    private static let identityFields = ["kind", "name", "renamedFrom"]

    init(_ choice: EnvironmentChoice, sink: DiagnosticSink?) {
        (self.choice, self.sink) = (choice, sink)
    }

    /// Returns whether a text has the sign of a value, which most files do not have.
    static func isNeeded(for bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while let dollar = rest.firstIndex(of: UInt8(ascii: "$")) {
            rest = rest[(dollar + 1)...]
            if rest.first == UInt8(ascii: "{") { return true }
        }
        return false
    }

    mutating func apply(to document: YAMLNode) -> YAMLNode {
        var builder = NodeBuilder()
        let root = copy(document, isRoot: true, into: &builder)
        return builder.node(root)
    }

    private mutating func copy(
        _ node: YAMLNode,
        isRoot: Bool = false,
        into builder: inout NodeBuilder
    ) -> NodeBuilder.Part {
        switch node.content {
        case .invalid: return .invalid(at: node.range)
        case .sequence(let items):
            let parts = items.map { copy($0, into: &builder) }
            return builder.sequence(parts, at: node.range)
        case .mapping(let mapping):
            var parts: [NodeBuilder.Part] = []
            for pair in mapping.pairs {
                parts.append(builder.scalar(pair.key, style: .doubleQuoted, at: pair.keyRange))
                let isIdentity = isRoot && Self.identityFields.contains(pair.key)
                if isIdentity, let text = pair.value.scalar?.text, text.contains("${") {
                    let message = "`\(pair.key)` is the same in every environment"
                    sink?.report(.environmentReference, at: pair.value.range, message, help: "write it without `${`")
                    parts.append(.invalid(at: pair.value.range))
                } else {
                    parts.append(copy(pair.value, into: &builder))
                }
            }
            return builder.mapping(parts, isDamaged: mapping.isDamaged, at: node.range)
        case .scalar(let scalar): return replace(scalar, at: node.range, into: &builder)
        }
    }

    private mutating func replace(
        _ scalar: YAMLScalar,
        at range: YAMLRange,
        into builder: inout NodeBuilder
    ) -> NodeBuilder.Part {
        guard scalar.text.utf8.contains(UInt8(ascii: "$")) else {
            return builder.scalar(scalar.text, style: scalar.style, tag: scalar.tag, at: range)
        }
        guard let parts = ValueReference.parts(of: scalar.text) else {
            let message = "`${` needs the name of a value and `}`"
            let help = "write it like `${rate}`; for the two characters write `$${`"
            sink?.report(.environmentReference, at: range, message, help: help)
            return .invalid(at: range)
        }
        var text = ""
        for part in parts {
            switch part {
            case .text(let piece): text += piece
            case .name(let name):
                names.insert(name)
                guard let value = choice.values?.values[name] else {
                    reportMissing(name, at: range)
                    return .invalid(at: range)
                }
                substituted.append(Substituted(range: range, name: name, value: value))
                guard parts.count > 1 else {
                    let scalar = value.scalar
                    return builder.scalar(scalar.text, style: scalar.style, tag: scalar.tag, at: range)
                }
                text += value.scalar.text
            }
        }
        // A text without a value keeps its style; one with a value is a text, whatever it looks like.
        let isText = parts.contains { if case .name = $0 { true } else { false } }
        return builder.scalar(text, style: isText ? .doubleQuoted : scalar.style, tag: scalar.tag, at: range)
    }

    private func reportMissing(_ name: String, at range: YAMLRange) {
        guard let sink else { return }
        guard let values = choice.values else {
            let flags = choice.known.map { "`--environment \($0)`" }
            let help =
                flags.isEmpty
                ? "write environments/staging.yaml beside the folder, with `\(name): …`; for the two characters write `$${`"
                : "give \(flags.joined(separator: " or "))"
            return sink.report(.environmentNeeded, at: range, "`${\(name)}` needs an environment", help: help)
        }
        // The file itself has a finding.
        guard !values.bytes.isEmpty || values.diagnostics.isEmpty else { return }
        let near = SpellingSuggestion.candidates(for: name, among: values.values.keys.sorted())
        let help =
            near.isEmpty
            ? "add `\(name): …` to \(values.path)" : "did you mean \(SpellingSuggestion.list(near, "or"))?"
        let message = "environment `\(values.name)` has no value `\(name)`"
        sink.report(.unknownEnvironmentValue, at: range, message, help: help)
    }
}

/// The form of `${name}` in a text.
package enum ValueReference {
    /// Returns a text of a spec that is read as this one, although it may contain `${`.
    package static func escaped(_ text: String) -> String { text.replacing("${", with: "$${") }

    /// A piece of a text.
    enum Part: Equatable {
        case text(String)
        case name(String)
    }

    /// Returns whether a text can be the name of a value: at most 100 letters, digits, `-` and `_`, with a letter or digit first.
    static func isName(_ text: some StringProtocol) -> Bool {
        guard let first = text.utf8.first, first != 0x2D, first != 0x5F, text.utf8.count <= 100 else { return false }
        return text.utf8.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) || $0 == 0x2D || $0 == 0x5F }
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) }

    /// Splits a text at its references, with `$${` as the characters `${`; `nil` if a reference is not complete.
    static func parts(of text: String) -> [Part]? {
        var parts: [Part] = []
        var piece = ""
        var rest = text[...]
        while let dollar = rest.unicodeScalars.firstIndex(of: "$") {
            piece += rest[..<dollar]
            rest = rest[dollar...]
            if rest.utf8.starts(with: "$${".utf8) {
                piece += "${"
                rest = Substring(rest.unicodeScalars.dropFirst(3))
            } else if rest.utf8.starts(with: "${".utf8) {
                let inner = rest.unicodeScalars.dropFirst(2)
                guard let end = inner.firstIndex(of: "}") else { return nil }
                let name = String(inner[..<end])
                guard isName(name) else { return nil }
                if !piece.isEmpty { parts.append(.text(piece)) }
                piece = ""
                parts.append(.name(name))
                rest = Substring(inner[end...].dropFirst())
            } else {
                piece += "$"
                rest = Substring(rest.unicodeScalars.dropFirst())
            }
        }
        piece += rest
        if !piece.isEmpty || parts.isEmpty { parts.append(.text(piece)) }
        return parts
    }
}
