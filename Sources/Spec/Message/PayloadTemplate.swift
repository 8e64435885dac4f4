package import Foundation
package import JSON

/// A WhatsApp payload prepared for many recipients: the bytes that all share, and the texts that differ.
///
/// Values of a contact are always text: they are escaped for JSON, and placeholders in them are not replaced.
package struct PayloadTemplate: Sendable {
    private enum Piece: Sendable {
        case bytes([UInt8])
        case text(TextTemplate)
        /// A text of a template parameter, for which WhatsApp has rules; see `ParameterText`.
        case parameter(TextTemplate)
        /// The id under which the sender has uploaded the file with this digest.
        case file(String)
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

    /// The fields of a request that differ for each message, or never, beside the content of the campaign.
    package static let fieldsOfRequest = [
        "messaging_product", "recipient_type", "to", "recipient", "biz_opaque_callback_data",
    ]

    private var pieces: [Piece] = []
    /// The choice among ``variants``; `nil` for a message in one language.
    package private(set) var languages: LanguageChoice?
    /// The payloads by their languages.
    private var variants: [String: PayloadTemplate] = [:]
    /// The digests of the files of the message, in any language.
    package private(set) var files: Set<String> = []

    /// Prepares a payload as revisions store it: an object without a recipient.
    ///
    /// - Throws: `TextTemplate.Problem` when a text has a broken placeholder.
    package init(message: JSONValue) throws(TextTemplate.Problem) {
        if let all = MessageLanguages(message) {
            languages = all.choice
            for (code, variant) in all.variants {
                let payload = try PayloadTemplate(message: variant)
                files.formUnion(payload.files)
                variants[code] = payload
            }
            return
        }
        guard case .object(let fields) = message else { return }
        for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
            append(bytes: ",")
            append(key: key)
            try append(value, at: Place.message.field(key))
        }
    }

    /// Returns the JSON body of one request.
    ///
    /// - Parameters:
    ///   - recipient: The recipient's number as the contact has it, or its user id if only that is known.
    ///   - messageID: Comes back in WhatsApp's statuses.
    ///   - templateText: The treatment of parameters that WhatsApp refuses.
    ///   - mediaIDs: The ids of uploaded files, by their digests.
    ///   - value: Returns the value of a placeholder; `nil` if there is none.
    /// - Returns: The bytes of the body.
    /// - Throws: `TextTemplate.MissingValue` when a placeholder has neither a value nor a default, ``UnsendableText`` when
    ///   WhatsApp would refuse a text, ``MissingFile`` when a file has no id.
    package func body(
        recipient: String,
        messageID: UUID,
        templateText: TemplateText = .mend,
        mediaIDs: [String: String] = [:],
        value: (TextTemplate.Path) -> String?
    ) throws -> [UInt8] {
        if languages != nil {
            return try inLanguage(of: value).payload.body(
                recipient: recipient,
                messageID: messageID,
                templateText: templateText,
                mediaIDs: mediaIDs,
                value: value
            )
        }
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
            case .file(let digest):
                guard let id = mediaIDs[digest] else { throw MissingFile(digest: digest) }
                JSONText.append(id, to: &bytes)
            }
        }
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    /// Returns the payload in the language of a person, by the values of their placeholders, and the code of the language;
    /// `nil` for a message in one language.
    package func inLanguage(of value: (TextTemplate.Path) -> String?) -> (payload: PayloadTemplate, code: String?) {
        guard let languages else { return (self, nil) }
        let code = languages.code(for: value(.metadata("language")))
        // The fallback of a row that was written by hand may be none of its languages.
        let payload = variants[code] ?? variants.min { $0.key < $1.key }?.value
        return (payload ?? self, code)
    }

    /// Returns the digests of the files in the language of a person, by the values of their placeholders.
    package func files(of value: (TextTemplate.Path) -> String?) -> Set<String> {
        files.isEmpty ? [] : inLanguage(of: value).payload.files
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
    package static func internationalNumber(_ phone: String) -> String {
        phone.hasPrefix("+") ? phone : "+" + phone
    }

    private mutating func append(_ value: JSONValue, at place: Place) throws(TextTemplate.Problem) {
        switch value {
        case .string(let text):
            if let digest = MediaReference.digest(ofPlaceholder: text) {
                files.insert(digest)
                pieces.append(.file(digest))
                return
            }
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

extension PayloadTemplate {
    /// A placeholder of the message.
    package struct Placeholder: Hashable, Sendable {
        package let path: TextTemplate.Path
        /// The text that stands in for a missing value; without one, such a message fails.
        package let fallback: String?
        /// The other placeholders of a parameter that has no text of its own, each with its default.
        ///
        /// If all of the parameter is blank, a blank value counts as missing. `nil` if blanks are a value like any other.
        package let blankWith: [TextTemplate.Path: String]?
    }

    /// The placeholders of all texts, each with its default, in the order of the texts; none twice.
    package var placeholders: [Placeholder] {
        var placeholders: [Placeholder] = []
        for (_, variant) in variants.sorted(by: { $0.key < $1.key }) {
            for placeholder in variant.placeholders where !placeholders.contains(placeholder) {
                placeholders.append(placeholder)
            }
        }
        for piece in pieces {
            let found: [Placeholder] =
                switch piece {
                case .bytes, .file: []
                case .text(let template): template.placeholders(isParameter: false)
                case .parameter(let template): template.placeholders(isParameter: true)
                }
            for placeholder in found where !placeholders.contains(placeholder) { placeholders.append(placeholder) }
        }
        return placeholders
    }

    /// Returns the placeholders for which a recipient has no value, so that their defaults are sent.
    package func missing(_ value: (TextTemplate.Path) -> String?) -> [Placeholder] {
        inLanguage(of: value).payload.placeholders.filter { placeholder in
            guard let text = value(placeholder.path), !text.isEmpty else { return true }
            guard let others = placeholder.blankWith, ParameterText.isBlank(text) else { return false }
            return others.allSatisfy { path, fallback in
                let text = value(path) ?? ""
                return ParameterText.isBlank(text.isEmpty ? fallback : text)
            }
        }
    }
}

extension TextTemplate {
    fileprivate func placeholders(isParameter: Bool) -> [PayloadTemplate.Placeholder] {
        var fallbacks: [Path: String] = [:]
        var hasText = false
        for segment in segments {
            switch segment {
            case .literal(let text): hasText = hasText || !ParameterText.isBlank(text)
            case .placeholder(let path, let fallback): fallbacks[path] = fallback ?? ""
            }
        }
        return segments.compactMap { segment in
            guard case .placeholder(let path, let fallback) = segment else { return nil }
            let others = isParameter && !hasText ? fallbacks.filter { $0.key != path } : nil
            return PayloadTemplate.Placeholder(path: path, fallback: fallback, blankWith: others)
        }
    }

    /// True if it is a literal that WhatsApp refuses as a parameter.
    fileprivate var isRefused: Bool {
        guard case .literal(let text)? = segments.first else { return segments.isEmpty }
        return ParameterText.isBlank(text) || ParameterText.fault(in: text) != nil
    }
}

/// A file of a message that the sender has not uploaded.
package struct MissingFile: Error, Hashable, CustomStringConvertible {
    package let digest: String

    package var description: String { "the file sha256:\(digest) has not been uploaded" }
}

/// A text of one message that WhatsApp would refuse.
package enum UnsendableText: Error, Hashable, CustomStringConvertible {
    /// A parameter of a template is blank, whatever the values.
    case blank
    /// It must not be changed, and has something that WhatsApp refuses, such as "a line break".
    case strict(String)

    /// The code of the failure.
    package var code: String {
        switch self {
        case .blank: "missing_value"
        case .strict: "template_text"
        }
    }

    package var description: String {
        switch self {
        case .blank: "a parameter of the template is blank; correct the campaign"
        case .strict(let fault):
            "a parameter of the template has \(fault), which WhatsApp refuses; correct the contact or the event, or set "
                + "`templateText: mend` to have it sent with spaces instead"
        }
    }
}
