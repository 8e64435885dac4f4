/// The treatment of a text that WhatsApp refuses as a parameter of a template.
public enum TemplateText: String, Hashable, Sendable, CaseIterable, SpecChoice {
    case mend, strict

    var meaning: String {
        switch self {
        case .mend: "Line breaks and tabs become a space, and of more spaces four stay."
        case .strict: "That one message fails with the code `template_text`."
        }
    }
}

/// The rules of WhatsApp for the text of a template parameter: no line breaks, no tabs, at most four spaces in a row.
public enum ParameterText {
    /// The most spaces in a row.
    static let mostSpaces = 4

    /// Explains why WhatsApp refuses a text; `nil` if it takes it.
    public static func fault(in text: String) -> String? {
        guard isSuspect(text) else { return nil }
        var spaces = 0
        for scalar in text.unicodeScalars {
            if scalar == "\t" { return "a tab" }
            if isBreak(scalar) { return "a line break" }
            spaces = scalar == " " ? spaces + 1 : 0
            if spaces > mostSpaces { return "more than \(mostSpaces) spaces in a row" }
        }
        return nil
    }

    /// Makes a text one that WhatsApp takes.
    ///
    /// Line breaks and tabs become a space, together with the spaces around them, and vanish at the ends of the text. Of
    /// more than four spaces in a row, four stay.
    public static func mended(_ text: String) -> String {
        guard isSuspect(text) else { return text }
        var mended = String.UnicodeScalarView()
        var (spaces, hasBreak) = (0, false)
        func end(isLast: Bool) {
            if hasBreak {
                if !mended.isEmpty && !isLast { mended.append(" ") }
            } else {
                mended.append(contentsOf: repeatElement(" ", count: min(spaces, mostSpaces)))
            }
            (spaces, hasBreak) = (0, false)
        }
        for scalar in text.unicodeScalars {
            if scalar == " " {
                spaces += 1
            } else if scalar == "\t" || isBreak(scalar) {
                hasBreak = true
            } else {
                end(isLast: false)
                mended.append(scalar)
            }
        }
        end(isLast: true)
        return String(mended)
    }

    /// Returns true if nothing of a text would be seen.
    public static func isBlank(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy(\.properties.isWhitespace)
    }

    /// Returns true if a text may need a change: a fast look at its bytes, as nearly all texts need none.
    private static func isSuspect(_ text: String) -> Bool {
        var spaces = 0
        for byte in text.utf8 {
            switch byte {
            case 0x20:
                spaces += 1
                if spaces > mostSpaces { return true }
            // The first bytes of U+0085, U+2028 and U+2029, and of many others.
            case 0x09...0x0D, 0xC2, 0xE2: return true
            default: spaces = 0
            }
        }
        return false
    }

    private static func isBreak(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x0A...0x0D, 0x85, 0x2028, 0x2029: true
        default: false
        }
    }
}

extension TextTemplate {
    /// Fills the placeholders of a template parameter.
    ///
    /// A parameter that is blank counts as one without a value: blank values take their defaults then, and if it stays
    /// blank, the value is missing. WhatsApp would refuse it. Within a longer text a blank value stays as it is.
    ///
    /// - Returns: The text; `nil` if it is blank without any placeholder.
    /// - Throws: ``MissingValue``.
    public func renderParameter(_ value: (Path) -> String?) throws(MissingValue) -> String? {
        let text = try render(value)
        guard ParameterText.isBlank(text) else { return text }
        let again = try render { path in value(path).flatMap { ParameterText.isBlank($0) ? nil : $0 } }
        guard ParameterText.isBlank(again) else { return again }
        for case .placeholder(let path, _) in segments { throw MissingValue(path: path) }
        return nil
    }

    /// True if the text as a whole can be blank: it has nothing but blanks, and placeholders whose default is blank.
    var canBeBlank: Bool {
        segments.allSatisfy { segment in
            switch segment {
            case .literal(let text): ParameterText.isBlank(text)
            case .placeholder(_, let fallback): fallback.map(ParameterText.isBlank) ?? false
            }
        }
    }

    /// Explains why WhatsApp refuses the text whatever the values; `nil` if it depends on them.
    var parameterFault: String? {
        for segment in segments {
            switch segment {
            case .literal(let text), .placeholder(_, default: let text?):
                if let fault = ParameterText.fault(in: text) { return fault }
            case .placeholder(_, default: nil): break
            }
        }
        return nil
    }
}
