import Calendar
import Foundation
import JSON
package import Spec

/// The values of placeholders for one message.
///
/// JSON is parsed only when a placeholder needs it.
package struct PlaceholderValues {
    private let contact: ContactFields
    private let context: String?
    private let parsedMetadata: ParsedOnce
    private let parsedContext: ParsedOnce

    package init(contact: ContactFields, context: String?) {
        self.contact = contact
        self.context = context
        parsedMetadata = ParsedOnce(contact.metadata)
        parsedContext = ParsedOnce(context ?? "{}")
    }

    package subscript(path: TextTemplate.Path) -> String? {
        switch path {
        case .contact(let column): contact[column].map(Self.text)
        case .metadata(let key): parsedMetadata.value[key]?.placeholderText
        case .context(let key):
            parsedContext.value[key]?.placeholderText
                ?? key.split(separator: ".").reduce(parsedContext.value as JSONValue?) { $0?[String($1)] }?
                .placeholderText
        }
    }

    private static func text(_ value: ContactValue) -> String {
        switch value {
        case .text(let text): text
        case .integer(let number): String(number)
        case .timestamp(let date): day(date)
        }
    }

    /// Returns a date as `2026-03-28`, in UTC.
    private static func day(_ date: Date) -> String {
        Instant(seconds: Int(date.timeIntervalSince1970.rounded(.down))).day
    }
}

/// JSON text that is parsed when it is used first.
private final class ParsedOnce {
    private let text: String
    /// Postgres stores only valid JSON, so an error needs no report.
    private(set) lazy var value: JSONValue = (try? JSONValue(parsing: text)) ?? .null

    init(_ text: String) { self.text = text }
}

extension JSONValue {
    /// The value as text of a message; `nil` for null.
    fileprivate var placeholderText: String? {
        switch self {
        case .null: nil
        case .string(let text): text
        case .bool, .integer, .number, .array, .object: canonicalText
        }
    }
}
