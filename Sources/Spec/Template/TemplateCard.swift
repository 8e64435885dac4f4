import JSON
import YAML

/// One card of a carousel.
public struct TemplateCard: Hashable, Sendable {
    /// A picture, a film or a product.
    public internal(set) var header = TemplateHeader.medium(.image, nil)
    public internal(set) var body: String?
    public internal(set) var buttons: [TemplateButton] = []

    /// Creates a card without a body.
    public init() {}
}

extension TemplateCard: SpecMapping {
    static let fields: [Field] = [
        Field("header", \.header, .header(only: [.image, .video])).required()
            .says("The picture, film or product at the top of the card.", examples: ["image": true]),
        Field("body", \.body, .part(upTo: 160))
            .says("The text of the card; all cards have one, or none.", examples: "{{1}}, from today."),
        Field("buttons", \.buttons, .buttons(upTo: 2))
            .says(
                "One or two buttons of type `quickReply`, `url` or `phone`, or for a product one of type `product` or `url`; all "
                    + "cards have the same types.",
                examples: [["type": "quickReply", "text": "Tell me more"]]
            ),
    ]
}

extension FieldCodec<[TemplateCard]> {
    static var cards: Self {
        Self(
            schema: .list(of: TemplateCard.schema.value, 2...10),
            read: { reader, key in
                let sink = reader.sink
                let cards = reader.list(key) { node, field -> TemplateCard? in
                    guard var nested = FieldReader(node, path: field, what: "a card", sink: sink) else { return nil }
                    let card = TemplateCard(reading: &nested)
                    nested.finish()
                    return card
                }
                guard let cards else { return nil }
                if !sink.isStored, let count = cards.node.sequence?.count, !(2...10).contains(count) {
                    let message = "a carousel has 2 to 10 cards, not \(count)"
                    sink.report(.templateLimit, at: cards.range, field: cards.field, message)
                }
                return cards.value
            },
            json: { cards in
                cards.isEmpty
                    ? nil
                    : .array(
                        cards.map { card in
                            var object = JSONObject()
                            card.write(to: &object)
                            return .object(object)
                        }
                    )
            }
        )
    }
}

/// The offer of a template that ends at a time: WhatsApp shows a text and, if it expires, the time that is left.
public struct TemplateOffer: Hashable, Sendable {
    public internal(set) var text = ""
    /// True if WhatsApp counts down to a time that each campaign gives.
    public internal(set) var expires = true

    /// Creates an offer without a text.
    public init() {}
}

extension TemplateOffer: SpecMapping {
    static let fields: [Field] = [
        Field("text", \.text, .label(upTo: 16)).required()
            .says("The heading of the offer.", examples: "Ends soon!"),
        Field("expires", \.expires, .bool)
            .says(
                "Whether the offer ends at a time, which campaigns give as `offer.expires`: a time with its zone, such as "
                    + "`2045-12-01T20:00:00Z`.",
                examples: false
            ),
    ]
}
