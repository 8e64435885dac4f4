import JSON

/// The products that a button shows, as campaigns write them: `Flowers: rose-1, rose-2; Pots: pot-7`.
///
/// Sections stand apart by semicolons, and begin with their title and a colon. Placeholders are kept whole.
struct ProductList: Hashable {
    struct Section: Hashable {
        let title: String
        /// The ids of products in the catalog.
        let products: [String]
    }

    /// WhatsApp's limits for one message.
    private static let (mostSections, mostProducts, longestTitle) = (10, 30, 24)

    let sections: [Section]

    init(_ text: String) {
        sections = Self.split(text, at: ";").filter { !$0.isEmpty }.map { section in
            let parts = Self.split(section, at: ":", most: 2)
            let products = Self.split(parts[parts.count - 1], at: ",")
            return Section(title: parts.count > 1 ? parts[0] : "", products: products.filter { !$0.isEmpty })
        }
    }

    /// The first thing that WhatsApp would refuse, after the name of the parameter; `nil` if nothing is known to be wrong.
    var fault: (message: String, help: String)? {
        let form = "write sections like `Flowers: rose-1, rose-2; Pots: pot-7`, with the ids of the catalog"
        let count = sections.reduce(0) { $0 + $1.products.count }
        guard count > 0 else { return ("has no products", form) }
        if let section = sections.first(where: \.products.isEmpty) {
            return ("has no products in `\(section.title)`", form)
        }
        if sections.contains(where: \.title.isEmpty) { return ("has a section without a title", form) }
        guard count <= Self.mostProducts else { return ("has \(count) products", "WhatsApp takes at most 30") }
        guard sections.count <= Self.mostSections else {
            return ("has \(sections.count) sections", "WhatsApp takes at most 10")
        }
        let long = sections.first { !$0.title.contains("{{") && $0.title.count > Self.longestTitle }
        return long.map { ("has the title `\($0.title)` of \($0.title.count) characters", "WhatsApp takes at most 24") }
    }

    /// Makes the action of the button.
    ///
    /// - Parameter thumbnail: The product whose picture is shown; `nil` for the first one.
    /// - Returns: The action, as the Cloud API takes it.
    func action(thumbnail: String?) -> JSONValue {
        let list = sections.map { section -> JSONValue in
            let items = section.products.map { id -> JSONValue in ["product_retailer_id": .string(id)] }
            return ["title": .string(section.title), "product_items": .array(items)]
        }
        let picture = thumbnail ?? sections.first?.products.first ?? ""
        return ["thumbnail_product_retailer_id": .string(picture), "sections": .array(list)]
    }

    /// Splits a text at a separator outside of placeholders, and trims the pieces.
    private static func split(_ text: String, at separator: Character, most: Int = .max) -> [String] {
        var pieces = [""]
        var depth = 0
        for character in text {
            if character == "{" { depth += 1 }
            if character == "}" { depth = max(0, depth - 1) }
            if depth == 0, pieces.count < most, character == separator {
                pieces.append("")
            } else {
                pieces[pieces.count - 1].append(character)
            }
        }
        return pieces.map { piece in
            String(piece.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
        }
    }
}
