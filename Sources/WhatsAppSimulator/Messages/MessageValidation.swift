extension MessageRequest {
    static let longestCallbackData = 512
    static let longestText = 4_096

    /// Checks the form of the whole request.
    func validate(
        requiresPlus: Bool,
        rules: SimulatorRules = SimulatorRules(),
        isMarketing: Bool = false
    ) throws(GraphError) -> AdmittedMessage {
        guard let messaging_product else { throw .wrongParameter("'messaging_product' is required") }
        guard messaging_product == "whatsapp" else { throw .wrongParameter("'messaging_product' must be 'whatsapp'") }
        if let data = biz_opaque_callback_data, data.unicodeScalars.count > Self.longestCallbackData {
            throw .wrongParameter("'biz_opaque_callback_data' is longer than \(Self.longestCallbackData) characters")
        }
        let recipient = try validRecipient(requiresPlus: requiresPlus && !rules.acceptsPlainNumbers)
        try validateContent()
        let known = try rules.template(of: type == "template" ? template : nil, isMarketing: isMarketing)
        let isPhone = recipient.kind == .phone
        let waID = isPhone && rules.rewritesNumbers ? ContactNames.waID(of: recipient.id) : recipient.id
        return AdmittedMessage(
            recipient: recipient,
            callbackData: biz_opaque_callback_data,
            isTemplate: type == "template",
            isMarketing: known.map { $0.category == "MARKETING" } ?? (type == "template"),
            category: known?.category.lowercased(),
            isHeld: known?.status == "HELD",
            template: known?.key,
            waID: waID,
            userID: rules.namesContacts ? (isPhone ? ContactNames.userID(of: waID) : recipient.id) : nil
        )
    }

    /// The ids of the media in it.
    var mediaIDs: [String] {
        let components = template?.components ?? []
        let cards = components.flatMap { $0.cards ?? [] }.flatMap { $0.components ?? [] }
        let parameters = (components + cards).flatMap { $0.parameters ?? [] }
        return [image, audio, video, document, sticker].compactMap { $0?.id }
            + parameters.flatMap { [$0.image, $0.video, $0.document].compactMap { $0?.id } }
    }

    private func validRecipient(requiresPlus: Bool) throws(GraphError) -> Recipient {
        let kind = recipient_type ?? "individual"
        guard kind == "individual" || kind == "group" else {
            throw .invalid("recipient_type", "must be 'individual' or 'group'")
        }
        if let to {
            guard kind == "individual" else {
                guard let group = Recipient(id: to, kind: .group) else {
                    throw .invalid("to", "must be the id of a group")
                }
                return group
            }
            guard let phone = Recipient(to: to, requiresPlus: requiresPlus) else {
                throw .invalid("to", "must be a phone number with + and country code")
            }
            return phone
        }
        guard let id = self.recipient else { throw .wrongParameter("'to' or 'recipient' is required") }
        guard let user = Recipient(id: id, kind: .user) else {
            throw .invalid("recipient", "must be a business-scoped user id")
        }
        return user
    }

    private func validateContent() throws(GraphError) {
        switch type ?? "text" {
        case "text": try validateText()
        case "template":
            guard let template else { throw .missing("template") }
            try template.validate()
        case "image": try Self.validate(image, "image")
        case "audio": try Self.validate(audio, "audio")
        case "video": try Self.validate(video, "video")
        case "document": try Self.validate(document, "document")
        case "sticker": try Self.validate(sticker, "sticker")
        case "location": try Self.require(location != nil, "location")
        case "contacts": try Self.require(contacts?.isEmpty == false, "contacts")
        case "reaction": try Self.require(reaction != nil, "reaction")
        case "interactive": try Self.require(interactive != nil, "interactive")
        case let other: throw GraphError(code: 131_051, details: "'\(other)' is not a message type")
        }
    }

    private func validateText() throws(GraphError) {
        guard let text else { throw .missing("text") }
        guard let body = text.body, !body.isEmpty else { throw .missing("text.body") }
        // Bytes are at least as many as characters, and counting them is free.
        guard body.utf8.count <= Self.longestText || body.unicodeScalars.count <= Self.longestText else {
            throw .wrongParameter("'text.body' is longer than \(Self.longestText) characters")
        }
    }

    static func require(_ isThere: Bool, _ field: String) throws(GraphError) {
        guard isThere else { throw .missing(field) }
    }

    static func validate(_ media: Media?, _ field: String) throws(GraphError) {
        guard let media else { throw .missing(field) }
        guard media.id != nil || media.link != nil else { throw .missing("\(field).id or \(field).link") }
    }
}

extension MessageRequest.Template {
    private static let longestName = 512

    func validate() throws(GraphError) {
        guard let name, !name.isEmpty else { throw .missing("template.name") }
        let isLegal = name.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
        }
        guard isLegal, name.utf8.count <= Self.longestName else {
            throw .invalid("template.name", "may hold lowercase letters, digits and underscores only")
        }
        guard let language else { throw .missing("template.language") }
        try language.validate()
        guard let components else { return }
        for (index, component) in components.enumerated() {
            try component.validate(place: "template.components[\(index)]")
        }
    }
}

extension MessageRequest.Language {
    fileprivate func validate() throws(GraphError) {
        guard let code else { throw .missing("template.language.code") }
        let parts = code.split(separator: "_", omittingEmptySubsequences: false)
        let isLegal =
            parts.count <= 2 && (2...3).contains(parts[0].utf8.count)
            && parts.allSatisfy { (2...4).contains($0.utf8.count) && $0.utf8.allSatisfy(Self.isAlphanumeric) }
        guard isLegal else { throw .invalid("template.language.code", "must be like en or pt_BR") }
        guard policy == nil || policy == "deterministic" else {
            throw .invalid("template.language.policy", "must be 'deterministic'")
        }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}

extension MessageRequest.Component {
    private static let buttonTypes: Set<String> = [
        "quick_reply", "url", "flow", "catalog", "copy_code", "mpm", "spm", "voice_call", "order_details",
    ]

    fileprivate func validate(place: String, isInCard: Bool = false) throws(GraphError) {
        guard let type else { throw .missing("\(place).type") }
        switch type.lowercased() {
        case "header", "body": break
        case "button": try validateButton(place: place)
        case "limited_time_offer" where !isInCard: break
        case "carousel" where !isInCard: try validateCards(place: place)
        default: throw .invalid("\(place).type", "must be 'header', 'body' or 'button'")
        }
        for (index, parameter) in (parameters ?? []).enumerated() {
            try parameter.validate(place: "\(place).parameters[\(index)]")
        }
        let named = (parameters ?? []).count { $0.parameter_name != nil }
        guard named == 0 || named == parameters?.count else {
            throw .wrongParameter("'\(place).parameters' mixes named and positional parameters")
        }
    }

    private func validateCards(place: String) throws(GraphError) {
        guard let cards, !cards.isEmpty else { throw .missing("\(place).cards") }
        for (number, card) in cards.enumerated() {
            guard card.card_index != nil else { throw .missing("\(place).cards[\(number)].card_index") }
            for (index, component) in (card.components ?? []).enumerated() {
                try component.validate(place: "\(place).cards[\(number)].components[\(index)]", isInCard: true)
            }
        }
    }

    private func validateButton(place: String) throws(GraphError) {
        guard let sub_type else { throw .missing("\(place).sub_type") }
        guard Self.buttonTypes.contains(sub_type.lowercased()) else {
            throw .invalid("\(place).sub_type", "is not a kind of button")
        }
        guard let index else { throw .missing("\(place).index") }
        guard let value = index.value, (0...9).contains(value) else {
            throw .invalid("\(place).index", "must be 0 to 9")
        }
    }
}

extension MessageRequest.Parameter {
    fileprivate func validate(place: String) throws(GraphError) {
        guard let type else { throw .missing("\(place).type") }
        if let parameter_name, parameter_name.isEmpty {
            throw .invalid("\(place).parameter_name", "must not be empty")
        }
        switch type.lowercased() {
        case "text": try validateText(place: place)
        case "currency": try validateCurrency(place: place)
        case "date_time":
            try MessageRequest.require(date_time?.fallback_value != nil, "\(place).date_time.fallback_value")
        case "image": try MessageRequest.validate(image, "\(place).image")
        case "video": try MessageRequest.validate(video, "\(place).video")
        case "document": try MessageRequest.validate(document, "\(place).document")
        case "payload": try MessageRequest.require(payload != nil, "\(place).payload")
        case "action": try MessageRequest.require(action != nil, "\(place).action")
        case "coupon_code": try MessageRequest.require(coupon_code != nil, "\(place).coupon_code")
        case "location":
            try MessageRequest.require(location?.latitude != nil, "\(place).location.latitude")
            try MessageRequest.require(location?.longitude != nil, "\(place).location.longitude")
        case "product":
            try MessageRequest.require(product?.product_retailer_id != nil, "\(place).product.product_retailer_id")
            try MessageRequest.require(product?.catalog_id != nil, "\(place).product.catalog_id")
        case "limited_time_offer":
            let ends = limited_time_offer?.expiration_time_ms
            try MessageRequest.require(ends != nil, "\(place).limited_time_offer.expiration_time_ms")
        default: throw .invalid("\(place).type", "is not a type of parameter")
        }
    }

    private func validateText(place: String) throws(GraphError) {
        guard let text else { throw .missing("\(place).text") }
        guard !text.isEmpty else { throw .missing("\(place).text") }
        // The real service refuses layout inside of parameters.
        guard !Self.hasLayout(text) else {
            throw GraphError(
                code: 132_018,
                details: "Param text cannot have new-line/tab characters or more than 4 consecutive spaces"
            )
        }
    }

    private static func hasLayout(_ text: String) -> Bool {
        var spaces = 0
        for byte in text.utf8 {
            spaces = byte == UInt8(ascii: " ") ? spaces + 1 : 0
            if spaces > 4 || byte == 0x0A || byte == 0x0D || byte == 0x09 { return true }
        }
        return false
    }

    private func validateCurrency(place: String) throws(GraphError) {
        guard let currency else { throw .missing("\(place).currency") }
        try MessageRequest.require(currency.fallback_value != nil, "\(place).currency.fallback_value")
        try MessageRequest.require(currency.code != nil, "\(place).currency.code")
        try MessageRequest.require(currency.amount_1000 != nil, "\(place).currency.amount_1000")
        guard currency.code?.utf8.count == 3 else {
            throw .invalid("\(place).currency.code", "must be a currency code of 3 letters")
        }
    }
}

/// The recipient of a message: a phone number, a group, or a user known to the business by id.
struct Recipient: Hashable, Sendable {
    enum Kind: Sendable { case phone, group, user }

    let kind: Kind
    /// The text that the caller sent.
    let input: String
    /// The digits of a phone number, or the id of a group or user.
    let id: String
    /// A number for ``id``: phone numbers are their own number, other ids are hashed to numbers above those.
    let key: UInt64

    /// Reads a phone number; spaces, hyphens and parentheses between the digits do not count.
    init?(to input: String, requiresPlus: Bool) {
        var digits: [UInt8] = []
        var key: UInt64 = 0
        var hasPlus = false
        for (index, byte) in input.utf8.enumerated() {
            switch byte {
            case UInt8(ascii: "+") where index == 0: hasPlus = true
            case UInt8(ascii: " "), UInt8(ascii: "-"), UInt8(ascii: "("), UInt8(ascii: ")"): continue
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                guard digits.count < 15 else { return nil }
                digits.append(byte)
                key = key * 10 + UInt64(byte - UInt8(ascii: "0"))
            default: return nil
            }
        }
        guard hasPlus || !requiresPlus, digits.count >= 7, digits[0] != UInt8(ascii: "0") else { return nil }
        kind = .phone
        self.input = input
        id = String(decoding: digits, as: UTF8.self)
        self.key = key
    }

    /// Takes the id of a group or user as it is; `nil` when it is empty or longer than 128 bytes.
    init?(id: String, kind: Kind) {
        guard (1...128).contains(id.utf8.count) else { return nil }
        self.kind = kind
        input = id
        self.id = id
        key = Self.hash(id) | 1 << 63
    }

    /// Computes FNV-1a over the bytes: the same in every process, unlike `Hasher`.
    static func hash(_ text: String) -> UInt64 {
        text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0100_0000_01B3 }
    }
}

/// A send request that passed every check of its form.
struct AdmittedMessage: Sendable {
    let recipient: Recipient
    let callbackData: String?
    /// Templates alone are answered with a `message_status`.
    let isTemplate: Bool
    /// True for marketing templates, and for all templates if the simulator knows none.
    let isMarketing: Bool
    /// The category of a template that the simulator knows, such as `utility`.
    let category: String?
    /// True if the template is held back.
    let isHeld: Bool
    /// The name and the language of a template that the simulator knows.
    let template: String?
    /// The number that WhatsApp has for the recipient, or the id of a group or user.
    let waID: String
    /// The user id, if statuses name contacts.
    let userID: String?
}
