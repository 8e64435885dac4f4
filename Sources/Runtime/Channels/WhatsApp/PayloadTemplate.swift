import Foundation
import JSON
import Spec

/// A WhatsApp payload prepared for many recipients: the bytes that all share, and the texts that differ.
///
/// Values of a contact are always text: they are escaped for JSON, and placeholders in them are not replaced.
struct PayloadTemplate: ChannelPayload {
    private enum Piece: Sendable {
        case bytes([UInt8])
        case text(TextTemplate)
        /// A text of a template parameter, for which WhatsApp has rules; see `ParameterText`.
        case parameter(TextTemplate)
    }

    /// The place of a value within a message, as far as rules for texts depend on it.
    private enum Place {
        case message, template, parameters, parameterText

        /// Returns the place of a field.
        func field(_ key: String) -> Place {
            switch (self, key) {
            case (.message, "template"): .template
            case (.template, "parameters"): .parameters
            case (.parameters, "text"), (.parameters, "fallback_value"), (.parameters, "coupon_code"): .parameterText
            case (.template, _): .template
            case (.parameters, _): .parameters
            default: .message
            }
        }
    }

    private var pieces: [Piece] = []

    /// Prepares a payload as revisions store it: an object without a recipient.
    ///
    /// - Throws: `TextTemplate.Problem` when a text has a broken placeholder.
    init(message: JSONValue) throws(TextTemplate.Problem) {
        guard case .object(let fields) = message else { return }
        for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
            append(bytes: ",")
            append(key: key)
            try append(value, at: Place.message.field(key))
        }
    }

    /// Returns the JSON body of one request.
    func body(
        recipient: String,
        messageID: UUID,
        templateText: TemplateText = .mend,
        value: (TextTemplate.Path) -> String?
    ) throws -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(512)
        bytes += #"{"messaging_product":"whatsapp","recipient_type":"individual","#.utf8
        if UserID.isUserID(recipient.utf8) {
            bytes += #""recipient":"#.utf8
            JSONText.append(recipient, to: &bytes)
        } else {
            bytes += #""to":"#.utf8
            JSONText.append(Self.internationalNumber(recipient), to: &bytes)
        }
        bytes += #","biz_opaque_callback_data":"#.utf8
        JSONText.append(messageID.apiText, to: &bytes)
        for piece in pieces {
            switch piece {
            case .bytes(let same): bytes += same
            case .text(let template): JSONText.append(try template.render(value), to: &bytes)
            case .parameter(let template):
                JSONText.append(try Self.parameter(template, templateText, value), to: &bytes)
            }
        }
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    /// Renders the text of a template parameter so that WhatsApp takes it.
    private static func parameter(
        _ template: TextTemplate,
        _ treatment: TemplateText,
        _ value: (TextTemplate.Path) -> String?
    ) throws -> String {
        guard let text = try template.renderParameter(value) else { throw UnsendableText.blank }
        if treatment == .strict, let fault = ParameterText.fault(in: text) { throw UnsendableText.strict(fault) }
        return ParameterText.mended(text)
    }

    /// Returns the number with a plus sign: without one, WhatsApp prepends the sender's own country code.
    static func internationalNumber(_ phone: String) -> String {
        phone.hasPrefix("+") ? phone : "+" + phone
    }

    private mutating func append(_ value: JSONValue, at place: Place) throws(TextTemplate.Problem) {
        switch value {
        case .string(let text):
            let template = try TextTemplate(text)
            if place == .parameterText, !template.isLiteral || template.isRefused {
                pieces.append(.parameter(template))
            } else if template.isLiteral {
                append(bytes: value.canonicalText)
            } else {
                pieces.append(.text(template))
            }
        case .array(let items):
            append(bytes: "[")
            for (index, item) in items.enumerated() {
                if index > 0 { append(bytes: ",") }
                try append(item, at: place)
            }
            append(bytes: "]")
        case .object(let fields):
            append(bytes: "{")
            for (index, field) in fields.sorted(by: { $0.key < $1.key }).enumerated() {
                if index > 0 { append(bytes: ",") }
                append(key: field.key)
                try append(field.value, at: place.field(field.key))
            }
            append(bytes: "}")
        case .null, .bool, .integer, .number:
            append(bytes: value.canonicalText)
        }
    }

    private mutating func append(key: String) {
        append(bytes: JSONValue.string(key).canonicalText + ":")
    }

    private mutating func append(bytes text: String) {
        if case .bytes(let earlier) = pieces.last {
            pieces[pieces.count - 1] = .bytes(earlier + text.utf8)
        } else {
            pieces.append(.bytes(Array(text.utf8)))
        }
    }
}

extension TextTemplate {
    /// True if it is a literal that WhatsApp refuses as a parameter.
    fileprivate var isRefused: Bool {
        guard case .literal(let text)? = segments.first else { return segments.isEmpty }
        return ParameterText.isBlank(text) || ParameterText.fault(in: text) != nil
    }
}
