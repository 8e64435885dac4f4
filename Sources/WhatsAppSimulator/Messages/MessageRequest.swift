/// The body of a send request, as far as the simulator looks at it.
///
/// Objects whose content does not matter are ``Presence``: only whether they are there is kept.
struct MessageRequest: Decodable, Sendable {
    /// An object that is there; what it holds is not read.
    struct Presence: Decodable, Sendable {
        init(from decoder: any Decoder) throws { _ = try decoder.container(keyedBy: NoKeys.self) }
        private enum NoKeys: CodingKey {}
    }

    struct Text: Decodable, Sendable {
        let body: String?
        let preview_url: Bool?
    }

    struct Media: Decodable, Sendable {
        let id: String?
        let link: String?
    }

    struct Language: Decodable, Sendable {
        let code: String?
        let policy: String?
    }

    struct Currency: Decodable, Sendable {
        let fallback_value: String?
        let code: String?
        let amount_1000: Int?
    }

    struct DateTime: Decodable, Sendable {
        let fallback_value: String?
    }

    struct Parameter: Decodable, Sendable {
        let type: String?
        let parameter_name: String?
        let text: String?
        let payload: String?
        let currency: Currency?
        let date_time: DateTime?
        let image: Media?
        let video: Media?
        let document: Media?
        let action: Presence?
        let coupon_code: String?
    }

    struct Component: Decodable, Sendable {
        let type: String?
        let sub_type: String?
        let index: ButtonIndex?
        let parameters: [Parameter]?
    }

    struct Template: Decodable, Sendable {
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
}

/// The place of a button, which callers write as a number or as its digits.
struct ButtonIndex: Decodable, Sendable {
    let value: Int?

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Int.self) {  // not a number: then it has to be a string
            value = number
        } else {
            value = Int(try container.decode(String.self))
        }
    }
}
