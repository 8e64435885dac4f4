import Foundation
import Testing
import WhatsAppSimulator

/// Templates with files, cards, offers and codes: wrong parameters are refused as WhatsApp refuses them.
struct TemplatePartRulesTests {
    private static let rules = """
        {"templates":[
            {"name":"spring","language":"en","header":"image","parameters":["1"],"buttons":["url"]},
            {"name":"cards","language":"en","cards":[
                {"header":"image","parameters":["1"],"buttons":["url"]},{"header":"image","parameters":["1"],"buttons":["url"]}]},
            {"name":"offer","language":"en","hasOffer":true,"buttons":["copy_code","url"]},
            {"name":"code","language":"en","category":"AUTHENTICATION","parameters":["1"],"buttons":["otp"]},
            {"name":"place","language":"en","header":"location","buttons":["flow"]},
            {"name":"products","language":"en","buttons":["mpm"]},
            {"name":"product","language":"en","header":"product","buttons":["spm"]}
        ]}
        """

    private static let image =
        #"{"type":"header","parameters":[{"type":"image","image":{"link":"https://a.example/a.jpg"}}]}"#
    private static let body = #"{"type":"body","parameters":[{"type":"text","text":"Ada"}]}"#
    private static func url(_ index: Int = 0) -> String {
        #"{"type":"button","sub_type":"url","index":"\#(index)","parameters":[{"type":"text","text":"x"}]}"#
    }
    private static let coupon =
        #"{"type":"button","sub_type":"copy_code","index":"0","parameters":[{"type":"coupon_code","coupon_code":"A"}]}"#
    private static let ends = """
        {"type":"limited_time_offer","parameters":[{"type":"limited_time_offer",\
        "limited_time_offer":{"expiration_time_ms":2395771200000}}]}
        """
    private static let place =
        #"{"type":"header","parameters":[{"type":"location","location":{"latitude":"1","longitude":"2"}}]}"#
    private static let flow =
        #"{"type":"button","sub_type":"flow","index":"0","parameters":[{"type":"action","action":{}}]}"#

    private static let product =
        #"{"type":"header","parameters":[{"type":"product","product":{"product_retailer_id":"a","catalog_id":"1"}}]}"#

    /// A button with products, in sections of this many.
    private static func products(_ counts: Int..., thumbnail: String = "a") -> String {
        let sections = counts.map { count in
            let items = Array(repeating: #"{"product_retailer_id":"a"}"#, count: count).joined(separator: ",")
            return #"{"title":"New","product_items":[\#(items)]}"#
        }
        return #"{"type":"button","sub_type":"mpm","index":"0","parameters":[{"type":"action","action":"#
            + #"{"thumbnail_product_retailer_id":"\#(thumbnail)","sections":[\#(sections.joined(separator: ","))]}}]}"#
    }

    private static func carousel(_ cards: String...) -> String {
        let items = cards.enumerated().map { #"{"card_index":\#($0),"components":[\#($1)]}"# }
        return #"{"type":"carousel","cards":[\#(items.joined(separator: ","))]}"#
    }

    private static let card = [image, body, url()].joined(separator: ",")

    private static let cases: [(name: String, components: [String], code: Int?)] = [
        ("spring", [image, body, url()], nil),
        ("spring", [body, url()], 132_012),
        ("spring", [image, url()], 132_000),
        ("spring", [image, body], 131_008),
        ("spring", [image, body, coupon], 132_018),
        ("cards", [carousel(card, card)], nil),
        ("cards", [], 132_000),
        ("cards", [carousel(card)], 132_000),
        ("cards", [carousel(card, [body, url()].joined(separator: ","))], 132_012),
        ("cards", [carousel(card, [image, url()].joined(separator: ","))], 132_000),
        ("cards", [carousel(card, card).replacing(#""card_index":1"#, with: #""card_index":5"#)], 132_018),
        ("offer", [ends, coupon, url(1)], nil),
        ("offer", [coupon, url(1)], 131_008),
        ("spring", [image, body, url(), ends], 132_000),
        ("code", [body, url()], nil),
        ("code", [body], 131_008),
        ("code", [body, coupon], 132_018),
        ("place", [place, flow], nil),
        ("place", [image, flow], 132_012),
        ("place", [place], 131_008),
        ("products", [products(2, 1)], nil),
        ("products", [], 131_008),
        ("products", [flow], 132_018),
        ("products", [products()], 131_008),
        ("products", [products(1, 0)], 131_008),
        ("products", [products(1, thumbnail: "")], 131_008),
        ("products", [products(31)], 131_009),
        ("product", [product], nil),
        ("product", [], 132_012),
        ("product", [product.replacing(#","catalog_id":"1""#, with: "")], 131_008),
    ]

    @Test(arguments: cases.indices)
    func wrongParametersAreRefused(index: Int) async throws {
        let (name, components, code) = Self.cases[index]
        var configuration = SimulatorConfiguration()
        configuration.rules = try SimulatorRules(json: Data(Self.rules.utf8))
        try await Simulator.withRunning(configuration: configuration, logger: .quiet) { simulator in
            let answer = try await Caller(simulator)
                .post(
                    """
                    {"messaging_product":"whatsapp","to":"+254711000001","type":"template","template":{"name":"\(name)",\
                    "language":{"code":"en"},"components":[\(components.joined(separator: ","))]}}
                    """
                )
            #expect(answer.code == code, "\(answer.text)")
        }
    }
}
