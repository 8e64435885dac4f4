import JSON
import Spec

/// Templates with each of the parts that a template can have.
enum WholeTemplates {
    static let image = """
        kind: Template
        name: spring
        whatsappName: spring_offer
        language: en
        category: marketing
        header: { image: "https://shop.example/spring.jpg" }
        body: "Dear {{1}}, our spring sale starts on {{2}} in all shops."
        footer: Reply STOP to leave
        buttons:
          - { type: url, text: Shop, url: "https://shop.example/{{1}}" }
          - { type: quickReply, text: Later }
        examples: { "1": Ada, "2": Monday, button.0: sale }
        """

    static let named = """
        kind: Template
        name: visit
        whatsappName: visit
        language: en_US
        category: utility
        header: "Your visit on {{day}} is booked"
        body: "Dear {{first_name}}, we expect you at our shop."
        examples: { day: Monday, first_name: Ada }
        """

    static let offer = """
        kind: Template
        name: offer
        whatsappName: offer
        language: en
        category: marketing
        header: { video: true }
        body: "Dear {{1}}, use this code in our shop today."
        offer: { text: Ends soon! }
        buttons:
          - { type: copyCode }
          - { type: url, text: Shop, url: "https://shop.example/{{1}}" }
        examples: { "1": Ada, button.0: SAVE10, button.1: sale, header.link: "https://shop.example/a.mp4" }
        """

    static let carousel = """
        kind: Template
        name: carousel
        whatsappName: carousel
        language: en
        category: marketing
        body: "Dear {{1}}, these are our favourites of the week."
        cards:
          - header: { image: true }
            body: "Shoes for {{1}} in all sizes."
            buttons: &buttons
              - { type: quickReply, text: More }
              - { type: url, text: Buy, url: "https://shop.example/{{1}}" }
          - header: { image: "https://shop.example/b.jpg" }
            body: Bags of all kinds.
            buttons: *buttons
        examples:
          "1": Ada
          card.0.1: "KES 900"
          card.0.header.link: "https://shop.example/a.jpg"
          card.0.button.1: shoes
          card.1.button.1: bags
        """

    static let code = """
        kind: Template
        name: code
        whatsappName: code
        language: en
        category: authentication
        otp:
          type: oneTap
          autofillText: Fill in
          apps: [{ package: com.acme.shop, signature: K8a/AINcGX7 }]
          securityRecommendation: true
          codeExpiry: 10m
        ttl: 5m
        """

    static let place = """
        kind: Template
        name: place
        whatsappName: place
        language: en
        category: utility
        header: { location: true }
        body: We are here.
        buttons:
          - { type: flow, text: Book, flowId: "1018", action: dataExchange, screen: DAYS }
          - { type: catalog, text: View catalog }
        ttl: 30d
        """

    static let products = """
        kind: Template
        name: products
        whatsappName: products
        language: en
        category: marketing
        body: "Dear {{1}}, look at what is new in our shop."
        buttons: [{ type: products, text: View items }]
        examples: { "1": Ada }
        """

    static let product = """
        kind: Template
        name: product
        whatsappName: product
        language: en
        category: marketing
        header: { product: true }
        body: "Dear {{1}}, look at what is new in our shop."
        buttons: [{ type: product, text: View }]
        examples: { "1": Ada }
        """

    static let productCards = """
        kind: Template
        name: product-cards
        whatsappName: product_cards
        language: en
        category: marketing
        body: These are our favourites of the week.
        cards:
          - { header: { product: true }, buttons: [{ type: product, text: View }] }
          - { header: { product: true }, buttons: [{ type: product, text: View }] }
        """

    static let contact = """
        kind: Template
        name: contact
        whatsappName: contact
        language: en
        category: utility
        body: Talk to us about your order.
        buttons:
          - { type: voiceCall, text: Call us }
          - { type: contactInfo }
        """

    static let permission = """
        kind: Template
        name: permission
        whatsappName: permission
        language: en
        category: utility
        body: May we call you about your order?
        callPermission: true
        """

    static let all = [
        image, named, offer, carousel, code, place, products, product, productCards, contact, permission,
    ]

    /// Reads one template.
    static func spec(_ text: String) throws -> TemplateSpec {
        let catalog = Fixture.catalog(text)
        guard let template = catalog.all(TemplateSpec.self).first?.value, catalog.diagnostics.isEmpty else {
            throw Unreadable(lines: catalog.diagnostics.map(Fixture.line))
        }
        return template
    }

    struct Unreadable: Error {
        let lines: [String]
    }
}
