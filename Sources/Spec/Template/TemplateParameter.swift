/// One value that a campaign gives a template.
public struct TemplateParameter: Hashable, Sendable {
    /// The part of the message that holds the value.
    public enum Part: Hashable, Sendable {
        /// The variable of a text header.
        case header
        /// The file of a header; `name` is `link`, `id` or `filename`.
        case medium
        /// The place of a header; `name` is `latitude`, `longitude`, `name` or `address`.
        case location
        /// The product of a header; `name` is `product` or `catalog`.
        case product
        case body
        /// A button, by its index from 0.
        case button(Int)
        /// The time at which an offer ends.
        case expiry
        /// The code of an authentication template.
        case code
    }

    /// The key in `params`: `1` or `first_name` for the body, `header` for a positional header, `header.link` for a file,
    /// `button.0` for buttons; those of a card begin with `card.0.`.
    public let key: String
    public let part: Part
    /// The card of a carousel that holds the part, by its index from 0; `nil` for parts outside of cards.
    public let card: Int?
    /// The name within WhatsApp, for templates with named variables and for the fields of files, places and products; `nil`
    /// for positional ones.
    public let name: String?
    /// True if each campaign must give it, or the alternative.
    public let isRequired: Bool
    /// The key that says the same in another way; only one of the two may be given.
    public let alternative: String?

    /// Makes a parameter outside of cards that each campaign must give.
    public init(key: String, part: Part, name: String? = nil) {
        self.init(key, part, name: name)
    }

    private init(
        _ key: String,
        _ part: Part,
        name: String? = nil,
        isRequired: Bool = true,
        alternative: String? = nil,
        card: Int? = nil
    ) {
        let prefix = card.map(Self.prefix) ?? ""
        (self.key, self.part, self.name, self.card) = (prefix + key, part, name, card)
        (self.isRequired, self.alternative) = (isRequired, alternative.map { prefix + $0 })
    }

    /// Returns the beginning of the keys of a card.
    static func prefix(_ card: Int) -> String { "card.\(card)." }
}

extension TemplateParameter {
    /// Returns the parameters of a template, in the order of its parts.
    static func all(of spec: TemplateSpec) -> [TemplateParameter] {
        if spec.otp != nil { return [TemplateParameter("code", .code)] }
        var all = top(spec.top) + texts(spec.body, .body)
        if spec.offer?.expires == true { all.append(TemplateParameter("offer.expires", .expiry)) }
        all += buttons(spec.buttons)
        for (index, card) in spec.cards.enumerated() {
            all +=
                top(card.header, card: index) + texts(card.body, .body, card: index)
                + buttons(card.buttons, card: index)
        }
        return all
    }

    private static func top(_ header: TemplateHeader?, card: Int? = nil) -> [TemplateParameter] {
        switch header {
        case nil: return []
        case .text(let text): return texts(text, .header, card: card)
        case .location:
            return ["latitude", "longitude", "name", "address"].map { name in
                let isRequired = name.hasSuffix("itude")
                return TemplateParameter("header.\(name)", .location, name: name, isRequired: isRequired, card: card)
            }
        case .product:
            return ["product", "catalog"].map { (name: String) in
                TemplateParameter("header.\(name)", .product, name: name, card: card)
            }
        case .medium(let format, let medium):
            let names = format == .document ? ["link", "id", "filename"] : ["link", "id"]
            return names.map { name in
                TemplateParameter(
                    "header.\(name)",
                    .medium,
                    name: name,
                    isRequired: name == "link" && medium == nil,
                    alternative: ["link": "header.id", "id": "header.link"][name],
                    card: card
                )
            }
        }
    }

    private static func texts(_ text: String?, _ part: Part, card: Int? = nil) -> [TemplateParameter] {
        // The reader refuses text with wrong variables.
        guard let text, let found = try? TemplateVariables(text) else { return [] }
        return found.names.map { name in
            guard found.isPositional else { return TemplateParameter(name, part, name: name, card: card) }
            return TemplateParameter(part == .header ? "header" : name, part, card: card)
        }
    }

    private static func buttons(_ buttons: [TemplateButton], card: Int? = nil) -> [TemplateParameter] {
        buttons.enumerated().filter { $0.element.mayHaveParameter }.flatMap { index, button in
            let own = TemplateParameter("button.\(index)", .button(index), isRequired: button.hasParameter, card: card)
            guard button.kind == .products else { return [own] }
            return [own, TemplateParameter("button.\(index).thumbnail", .button(index), isRequired: false, card: card)]
        }
    }
}

extension TemplateSpec {
    /// Returns the header, body and buttons of the message, or of one of its cards.
    func parts(of card: Int?) -> (header: TemplateHeader?, body: String?, buttons: [TemplateButton]) {
        guard let card else { return (top, body.isEmpty ? nil : body, buttons) }
        guard cards.indices.contains(card) else { return (nil, nil, []) }
        return (cards[card].header, cards[card].body, cards[card].buttons)
    }

    /// True if its variables have names.
    var isNamed: Bool {
        parameters.contains { $0.name != nil && ($0.part == .body || $0.part == .header) }
            || addressVariables.contains { $0 != "1" }
    }

    /// The variables of the addresses of all buttons.
    var addressVariables: [String] { (buttons + cards.flatMap(\.buttons)).compactMap(\.variable) }
}
