import JSON

/// The fields of a send request that the simulator reads.
///
/// Objects with irrelevant content are ``Presence``: the simulator keeps only whether they are present.
struct MessageRequest: Sendable {
    /// An object that is present; its contents are not read.
    struct Presence: Sendable {}

    struct Text: Sendable {
        let body: String?
        let preview_url: Bool?
    }

    struct Media: Sendable {
        let id: String?
        let link: String?
    }

    struct Language: Sendable {
        let code: String?
        let policy: String?
    }

    struct Currency: Sendable {
        let fallback_value: String?
        let code: String?
        let amount_1000: Int?
    }

    struct DateTime: Sendable {
        let fallback_value: String?
    }

    struct Parameter: Sendable {
        let type: String?
        let parameter_name: String?
        let text: String?
        let payload: String?
        let currency: Currency?
        let date_time: DateTime?
        let image: Media?
        let video: Media?
        let document: Media?
        let action: Action?
        let coupon_code: String?
        let location: Place?
        let product: Product?
        let limited_time_offer: Offer?
    }

    /// The action of a button; only products are read.
    struct Action: Sendable {
        let thumbnail_product_retailer_id: String?
        let sections: [Section]?
    }

    struct Section: Sendable {
        let title: String?
        let product_items: [Product]?
    }

    struct Product: Sendable {
        let product_retailer_id: String?
        let catalog_id: String?
    }

    struct Place: Sendable {
        let latitude: String?
        let longitude: String?
    }

    struct Offer: Sendable {
        let expiration_time_ms: Int?
    }

    /// One card of a carousel.
    struct Card: Sendable {
        let card_index: Int?
        let components: [Component]?
    }

    struct Component: Sendable {
        let type: String?
        let sub_type: String?
        let index: ButtonIndex?
        let parameters: [Parameter]?
        let cards: [Card]?
    }

    struct Template: Sendable {
        let name: String?
        let language: Language?
        let components: [Component]?
    }

    let messaging_product: String?
    let recipient_type: String?
    let to: String?
    let recipient: String?
    let type: String?
    let text: Text?
    let template: Template?
    let image: Media?
    let audio: Media?
    let video: Media?
    let document: Media?
    let sticker: Media?
    let location: Presence?
    let contacts: [Presence]?
    let reaction: Presence?
    let interactive: Presence?
    let biz_opaque_callback_data: String?
    /// `read` for a request that marks a message of a contact as read.
    let status: String?
    let message_id: String?
}

/// The place of a button, which callers write as a number or as its digits.
struct ButtonIndex: Sendable {
    /// `nil` for a text that is no number.
    let value: Int?
}

extension MessageRequest {
    /// Reads a request.
    ///
    /// - Throws: An error that names the first field of another type than it should have.
    init(_ json: JSONValue) throws(GraphError) {
        guard case .object(let fields) = json else { throw .wrongParameter("the body is not a JSON object") }
        let object = RequestFields(path: "", fields: fields)
        messaging_product = try object.string("messaging_product")
        recipient_type = try object.string("recipient_type")
        to = try object.string("to")
        recipient = try object.string("recipient")
        type = try object.string("type")
        text = try object.object("text", Text.init)
        template = try object.object("template", Template.init)
        image = try object.object("image", Media.init)
        audio = try object.object("audio", Media.init)
        video = try object.object("video", Media.init)
        document = try object.object("document", Media.init)
        sticker = try object.object("sticker", Media.init)
        location = try object.object("location", Presence.init)
        contacts = try object.array("contacts", Presence.init)
        reaction = try object.object("reaction", Presence.init)
        interactive = try object.object("interactive", Presence.init)
        biz_opaque_callback_data = try object.string("biz_opaque_callback_data")
        status = try object.string("status")
        message_id = try object.string("message_id")
    }
}

/// The fields of one object; missing ones and nulls are the same.
private struct RequestFields {
    /// The path of the object; empty for the request itself.
    let path: String
    let fields: JSONObject

    func string(_ key: String) throws(GraphError) -> String? {
        guard let value = self[key] else { return nil }
        guard case .string(let text) = value else { throw mismatch(key, "String") }
        return text
    }

    func bool(_ key: String) throws(GraphError) -> Bool? {
        guard let value = self[key] else { return nil }
        guard case .bool(let flag) = value else { throw mismatch(key, "Bool") }
        return flag
    }

    func integer(_ key: String) throws(GraphError) -> Int? {
        guard let value = self[key] else { return nil }
        guard case .integer(let number) = value else { throw mismatch(key, "Int") }
        return number
    }

    func object<Value>(
        _ key: String,
        _ make: (RequestFields) throws(GraphError) -> Value
    ) throws(GraphError) -> Value? {
        guard let value = self[key] else { return nil }
        guard case .object(let fields) = value else { throw mismatch(key, "Object") }
        return try make(RequestFields(path: below(key), fields: fields))
    }

    func array<Value>(
        _ key: String,
        _ make: (RequestFields) throws(GraphError) -> Value
    ) throws(GraphError) -> [Value]? {
        guard let value = self[key] else { return nil }
        guard case .array(let items) = value else { throw mismatch(key, "Array") }
        var values: [Value] = []
        values.reserveCapacity(items.count)
        for (index, item) in items.enumerated() {
            guard case .object(let fields) = item else { throw mismatch("\(key)[\(index)]", "Object") }
            values.append(try make(RequestFields(path: below("\(key)[\(index)]"), fields: fields)))
        }
        return values
    }

    func buttonIndex(_ key: String) throws(GraphError) -> ButtonIndex? {
        switch self[key] {
        case .integer(let number): return ButtonIndex(value: number)
        case .string(let text): return ButtonIndex(value: Int(text))
        case nil: return nil
        default: throw mismatch(key, "String")
        }
    }

    /// Reads degrees, which callers write as a number or as a text.
    func degrees(_ key: String) throws(GraphError) -> String? {
        switch self[key] {
        case .integer(let number): return String(number)
        case .number(let number): return String(number)
        case .string(let text): return text
        case nil: return nil
        default: throw mismatch(key, "String")
        }
    }

    subscript(key: String) -> JSONValue? {
        let value = fields[key]
        return value == .null ? nil : value
    }

    private func below(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    private func mismatch(_ key: String, _ type: String) -> GraphError {
        .wrongParameter("'\(below(key))': is not of type \(type)")
    }
}

extension MessageRequest.Presence {
    fileprivate init(_: RequestFields) throws(GraphError) {}
}

extension MessageRequest.Text {
    fileprivate init(_ object: RequestFields) throws(GraphError) {
        body = try object.string("body")
        preview_url = try object.bool("preview_url")
    }
}

extension MessageRequest.Media {
    fileprivate init(_ object: RequestFields) throws(GraphError) {
        id = try object.string("id")
        link = try object.string("link")
    }
}

extension MessageRequest.Template {
    fileprivate init(_ object: RequestFields) throws(GraphError) {
        name = try object.string("name")
        language = try object.object("language", MessageRequest.Language.init)
        components = try object.array("components", MessageRequest.Component.init)
    }
}

extension MessageRequest.Language {
    fileprivate init(_ object: RequestFields) throws(GraphError) {
        code = try object.string("code")
        policy = try object.string("policy")
    }
}

extension MessageRequest.Component {
    fileprivate init(_ object: RequestFields) throws(GraphError) {
        type = try object.string("type")
        sub_type = try object.string("sub_type")
        index = try object.buttonIndex("index")
        parameters = try object.array("parameters", MessageRequest.Parameter.init)
        cards = try object.array("cards", MessageRequest.Card.init)
    }
}

extension MessageRequest.Card {
    fileprivate init(_ object: RequestFields) throws(GraphError) {
        card_index = try object.integer("card_index")
        components = try object.array("components", MessageRequest.Component.init)
    }
}

extension MessageRequest.Parameter {
    fileprivate init(_ object: RequestFields) throws(GraphError) {
        type = try object.string("type")
        parameter_name = try object.string("parameter_name")
        text = try object.string("text")
        payload = try object.string("payload")
        currency = try object.object("currency", MessageRequest.Currency.init)
        date_time = try object.object("date_time", MessageRequest.DateTime.init)
        image = try object.object("image", MessageRequest.Media.init)
        video = try object.object("video", MessageRequest.Media.init)
        document = try object.object("document", MessageRequest.Media.init)
        action = try object.object("action", MessageRequest.Action.init)
        coupon_code = try object.string("coupon_code")
        location = try object.object("location", MessageRequest.Place.init)
        product = try object.object("product", MessageRequest.Product.init)
        limited_time_offer = try object.object("limited_time_offer", MessageRequest.Offer.init)
    }
}

extension MessageRequest.Action {
    fileprivate init(_ object: RequestFields) throws(GraphError) {
        thumbnail_product_retailer_id = try object.string("thumbnail_product_retailer_id")
        sections = try object.array("sections", MessageRequest.Section.init)
    }
}

extension MessageRequest.Section {
    fileprivate init(_ object: RequestFields) throws(GraphError) {
        title = try object.string("title")
        product_items = try object.array("product_items", MessageRequest.Product.init)
    }
}

extension MessageRequest.Product {
    fileprivate init(_ object: RequestFields) throws(GraphError) {
        product_retailer_id = try object.string("product_retailer_id")
        catalog_id = try object.string("catalog_id")
    }
}

extension MessageRequest.Place {
    fileprivate init(_ object: RequestFields) throws(GraphError) {
        latitude = try object.degrees("latitude")
        longitude = try object.degrees("longitude")
    }
}

extension MessageRequest.Offer {
    fileprivate init(_ object: RequestFields) throws(GraphError) {
        expiration_time_ms = try object.integer("expiration_time_ms")
    }
}

extension MessageRequest.Currency {
    fileprivate init(_ object: RequestFields) throws(GraphError) {
        fallback_value = try object.string("fallback_value")
        code = try object.string("code")
        amount_1000 = try object.integer("amount_1000")
    }
}

extension MessageRequest.DateTime {
    fileprivate init(_ object: RequestFields) throws(GraphError) {
        fallback_value = try object.string("fallback_value")
    }
}
