import YAML

/// The rules of WhatsApp's review of new templates.
///
/// Templates without an account were approved already, so these rules are for templates that belong to one.
public struct TemplateReview: Sendable {
    /// One objection.
    public struct Finding: Hashable, Sendable {
        /// The field, such as `body` or `cards[0].body`.
        public let field: String
        public let message: String
        public let help: String
        /// The code: an error for a certain refusal, a warning for a possible one.
        public let code: DiagnosticCode
    }

    private let spec: TemplateSpec

    /// Creates the review of a template.
    public init(_ spec: TemplateSpec) {
        self.spec = spec
    }

    /// All objections, in the order of the parts.
    public var findings: [Finding] {
        if spec.category == .authentication, spec.otp == nil {
            let help = "use `otp` in place of `body` and the other parts"
            return [Finding("body", error: "the texts of `authentication` templates are WhatsApp's own", help: help)]
        }
        var found = texts + buttonOrder(spec.buttons, field: "buttons") + labels(spec.buttons, field: "buttons")
        for (index, card) in spec.cards.enumerated() { found += labels(card.buttons, field: "cards[\(index)].buttons") }
        for (name, label) in [("text", spec.otp?.text), ("autofillText", spec.otp?.autofillText)] {
            if let finding = label.flatMap({ self.label($0, field: "otp.\(name)") }) { found.append(finding) }
        }
        return found + missingExamples + samples + codes
    }

    private var texts: [Finding] {
        var found = position(of: spec.body, field: "body")
        for (index, card) in spec.cards.enumerated() {
            found += position(of: card.body ?? "", field: "cards[\(index)].body")
        }
        if let text = spec.headerText {
            found += position(of: text, field: "header").map { $0.asWarning }
            if text.contains(where: { "*_~`\n".contains($0) }) {
                found.append(
                    Finding(
                        "header",
                        warning: "the header has formatting",
                        help: "write it without `*`, `_`, `~` and line breaks"
                    )
                )
            }
        }
        return found
    }

    /// Checks that variables stand within the text, apart from each other, and among enough words.
    private func position(of text: String, field: String) -> [Finding] {
        let pieces = TemplateVariables.pieces(of: text)
        let literals = pieces.compactMap(\.literal)
        let count = pieces.count - literals.count
        guard count > 0, let first = pieces.first, let last = pieces.last else { return [] }
        var found: [Finding] = []
        for (piece, place) in [(first, "begins"), (last, "ends")] {
            let help = "WhatsApp refuses that: write words around the variable"
            if piece.literal?.isEmpty ?? true {
                found.append(Finding(field, error: "the text \(place) with a variable", help: help))
            } else if piece.literal?.contains(where: { $0.isLetter || $0.isNumber }) == false {
                let message = "the text \(place) with a variable, apart from punctuation"
                found.append(
                    Finding(field, warning: message, help: "WhatsApp may refuse that: write words around the variable")
                )
            }
        }
        for literal in literals.dropFirst().dropLast() where literal.allSatisfy(\.isWhitespace) {
            let help = "write words between them"
            found.append(
                literal.isEmpty
                    ? Finding(field, error: "two variables stand side by side", help: help)
                    : Finding(field, warning: "two variables stand side by side", help: help)
            )
        }
        let words = literals.joined(separator: " ").split(whereSeparator: \.isWhitespace)
            .count { $0.contains { $0.isLetter || $0.isNumber } }
        if words < 2 * count + 1 {
            let message =
                "the text has \(count) \(count == 1 ? "variable" : "variables") and only \(words) \(words == 1 ? "word" : "words")"
            found.append(Finding(field, warning: message, help: "WhatsApp may refuse that: write more words"))
        }
        return found
    }

    private func buttonOrder(_ buttons: [TemplateButton], field: String) -> [Finding] {
        let kinds = buttons.map { $0.kind == .quickReply }
        // Quick replies stand together, at the beginning or at the end: the kind changes once at most.
        let changes = zip(kinds, kinds.dropFirst()).count { $0 != $1 }
        guard changes > 1 else { return [] }
        let message = "`quickReply` buttons stand between others"
        return [Finding(field, error: message, help: "put them together, before or after all others")]
    }

    private func labels(_ buttons: [TemplateButton], field: String) -> [Finding] {
        buttons.enumerated().compactMap { label($1.text, field: "\(field)[\($0)].text") }
    }

    private func label(_ text: String, field: String) -> Finding? {
        guard text.contains(where: { $0 == "\n" || "{}*_~".contains($0) || $0.isEmoji }) else { return nil }
        let help = "WhatsApp may refuse that: write plain words"
        return Finding(field, warning: "the label has a variable, formatting or an emoji", help: help)
    }

    private var missingExamples: [Finding] {
        let known = spec.examples ?? [:]
        let needed = spec.parameters.filter(needsExample).map(\.key).filter { known[$0] == nil }
        guard !needed.isEmpty else { return [] }
        let list = needed.map { "`\($0)`" }.joined(separator: ", ")
        let template = needed.map { "\"\($0)\": …" }.joined(separator: ", ")
        return [
            Finding(
                field: "examples",
                message: "no example for \(list)",
                help: "WhatsApp's reviewers see one for each variable: add `examples: { \(template) }`",
                code: .templateExample
            )
        ]
    }

    /// Checks the types of the files beside the spec that reviewers are shown.
    private var samples: [Finding] {
        TemplateSubmission.samples(of: spec).compactMap { sample in
            guard let media = sample.media, !MediaReference.reviewedTypes.contains(media.type) else { return nil }
            let key = "\(sample.key).link"
            return Finding(
                field: "examples",
                message:
                    "the sample for `\(key)` is \(media.type), and WhatsApp's reviewers take JPEG, PNG, MP4 and PDF",
                help: "give a sample of such a type: `examples: { \(key): ./samples/… }`",
                code: .mediaFormat
            )
        }
    }

    private func needsExample(_ parameter: TemplateParameter) -> Bool {
        switch parameter.part {
        case .header, .body: return true
        case .location, .product, .expiry, .code: return false
        case .button(let index):
            let buttons = spec.parts(of: parameter.card).buttons
            return parameter.isRequired && buttons.indices.contains(index) && buttons[index].kind != .products
        case .medium:
            // A link to the file that campaigns send by default is a sample, an id is none.
            guard parameter.name == "link", case .medium(_, let medium) = spec.parts(of: parameter.card).header else {
                return false
            }
            switch medium {
            case .link, .file, .stored: return false
            case .id, nil: return true
            }
        }
    }

    /// Checks the examples of codes to copy, whose length WhatsApp limits.
    private var codes: [Finding] {
        spec.buttons.enumerated().compactMap { index, button in
            let key = "button.\(index)"
            guard button.kind == .copyCode, let count = spec.examples?[key]?.count, count > 15 else { return nil }
            let message = "the code has \(count) characters"
            let help = "use at most 15"
            return count > spec.longestCoupon
                ? Finding("examples.\(key)", error: message + ", more than WhatsApp takes", help: help)
                : Finding("examples.\(key)", warning: message + ", perhaps more than WhatsApp takes", help: help)
        }
    }
}

extension TemplateReview.Finding {
    fileprivate init(_ field: String, error message: String, help: String) {
        self.init(field: field, message: message, help: help, code: .templateLimit)
    }

    fileprivate init(_ field: String, warning message: String, help: String) {
        self.init(field: field, message: message, help: help, code: .templateReview)
    }

    /// Returns the finding with its field within `languages`, if it is about another language than that of the template.
    fileprivate func inLanguage(_ code: String?, of template: TemplateSpec) -> Self {
        guard let code, code != template.language else { return self }
        return Self(field: "languages.\(code).\(field)", message: message, help: help, code: self.code)
    }

    fileprivate var asWarning: Self { Self(field: field, message: message, help: help, code: .templateReview) }
}

extension Character {
    fileprivate var isEmoji: Bool {
        unicodeScalars.contains { $0.properties.isEmojiPresentation || $0.value == 0xFE0F }
    }
}

extension TemplateVariables {
    /// A piece of a text: a literal, or a variable.
    struct Piece {
        /// The text; `nil` for a variable.
        let literal: String?
    }

    /// Splits a text at its variables: literals, which may be empty, with a variable between each two.
    static func pieces(of text: String) -> [Piece] {
        let source = PlaceholderText(text)
        var pieces: [Piece] = []
        var start = 0
        while let open = source.pair(PlaceholderText.open, from: start),
            let close = source.pair(PlaceholderText.close, from: open + 2)
        {
            pieces.append(Piece(literal: source.text(start..<open)))
            pieces.append(Piece(literal: nil))
            start = close + 2
        }
        return pieces + [Piece(literal: source.text(start..<source.count))]
    }
}

/// Reviews the templates that belong to an account.
struct TemplateReviewer {
    /// Reports what WhatsApp would refuse when the templates among some specs are submitted.
    func check(_ specs: ArraySlice<Located<any SpecContent>>, _ found: inout [Diagnostic]) {
        for template in specs.compactMap({ $0.as(TemplateSpec.self) }) where template.value.account != nil {
            // Of parts with errors not all variables are known.
            let isWhole = template.isSound(["header", "body", "buttons", "cards", "offer", "otp", "examples"])
            let findings = template.value.submissions.flatMap { spec in
                TemplateReview(spec).findings.map { $0.inLanguage(spec.language, of: template.value) }
            }
            for finding in findings where isWhole || !finding.field.contains("examples") {
                let isThere = template.document.mapping?[String(finding.field.prefix { $0 != "." && $0 != "[" })] != nil
                found.append(
                    Diagnostic(
                        finding.code,
                        at: isThere ? template.place(of: finding.field) : template.headPlace,
                        field: finding.field,
                        finding.message,
                        help: finding.help
                    )
                )
            }
        }
    }
}
