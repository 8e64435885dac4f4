import CommandKit
import Foundation
import JSON
import Spec
import Spelling
import Store

/// The messages of a preview as their recipients would get them.
struct RenderedPreview {
    let rendered: RenderedAudience
    /// The template of the campaign; `nil` for a message of its own.
    let template: TemplateSpec?
    /// Returns a number as the output shows it.
    let shown: (String) -> String

    private func total(_ count: Int) -> String {
        rendered.recipients.map { "\(count.grouped) of \($0.grouped)" } ?? count.grouped
    }

    private func count(_ placeholder: RenderedAudience.Placeholder) -> String {
        guard let missing = placeholder.missing else { return "not counted within 30 s" }
        let consequence =
            missing == 0
            ? "" : placeholder.fallback.map { ", who get \"\($0)\"" } ?? ", whose messages fail; give it a default"
        return "\(total(missing)) recipients have no value" + consequence
    }

    /// The placeholders and messages, one line each.
    var lines: [String] {
        var lines = ["Placeholders:"]
        lines += rendered.placeholders.map { "  {{\($0.path)}}: \(count($0))" }
        if rendered.placeholders.isEmpty { lines.append("  none: everybody gets the same text") }
        for message in rendered.messages {
            let window = message.isInWindow ? "in window" : "outside"
            let language = message.language.map { ", \($0)" } ?? ""
            lines.append("Message to \(shown(message.recipient)) (\(window)\(language)):")
            lines += texts(of: message).map { "  | \($0)" }
            lines += notes(on: message).map { "  \($0)" }
        }
        return lines.map(Terminal.harmless)
    }

    /// The same as Markdown.
    var markdown: [String] {
        var lines = ["", "| placeholder | without a value |", "|---|---|"]
        lines += rendered.placeholders.map { "| `{{\($0.path)}}` | \(count($0)) |" }
        for message in rendered.messages {
            let language = message.language.map { " (\($0))" } ?? ""
            lines += ["", "Message to `\(shown(message.recipient))`\(language):", "", "```text"]
            // A fence within the text would end the block.
            lines += texts(of: message).map { $0.replacing("```", with: "'''") } + ["```"]
            lines += notes(on: message).map { "- \($0)" }
        }
        return lines.map(Terminal.harmless)
    }

    /// The fields of the preview's JSON.
    var json: [String: JSONValue] {
        [
            "placeholders": .array(
                rendered.placeholders.map { placeholder in
                    var fields: [String: JSONValue] = [
                        "placeholder": .string(placeholder.path),
                        "missing": placeholder.missing.map(JSONValue.integer) ?? .null,
                    ]
                    fields["fallback"] = placeholder.fallback.map(JSONValue.string)
                    return .object(fields)
                }
            ),
            "messages": .array(
                rendered.messages.map { message in
                    var fields = message.content.map(text)?.json.objectValue ?? [:]
                    fields["recipient"] = .string(message.recipient)
                    fields["isInWindow"] = .bool(message.isInWindow)
                    fields["language"] = message.language.map(JSONValue.string)
                    fields["content"] = message.content
                    fields["problem"] = message.problem.map(JSONValue.string)
                    fields["fallbacks"] = .array(
                        message.fallbacks.map { fallback in
                            var fields: [String: JSONValue] = ["placeholder": .string(fallback.path)]
                            fields["text"] = fallback.text.map(JSONValue.string)
                            return .object(fields)
                        }
                    )
                    return replacing(message.recipient, in: .object(fields))
                }
            ),
        ]
    }

    private func text(_ content: JSONValue) -> MessageText { MessageText(message: content, template: template) }

    private func texts(of message: RenderedAudience.Message) -> [String] {
        guard let content = message.content else { return [] }
        return text(content).lines.map { $0.replacing(message.recipient, with: shown(message.recipient)) }
    }

    private func notes(on message: RenderedAudience.Message) -> [String] {
        let fallbacks = message.fallbacks.map { fallback in
            fallback.text.map { "{{\(fallback.path)}} has no value, so \"\($0)\" is sent" }
                ?? "{{\(fallback.path)}} has no value"
        }
        return fallbacks + (message.problem.map { ["it would fail: \($0)"] } ?? [])
    }

    /// Hides a number wherever it stands in a value.
    private func replacing(_ number: String, in value: JSONValue) -> JSONValue {
        switch value {
        case .string(let text): .string(number.isEmpty ? text : text.replacing(number, with: shown(number)))
        case .array(let items): .array(items.map { replacing(number, in: $0) })
        case .object(let fields): .object(fields.mapValues { replacing(number, in: $0) })
        case .null, .bool, .integer, .number: value
        }
    }
}
