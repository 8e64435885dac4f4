extension MessageRequest {
    static let longestCallbackData = 512
    static let longestText = 4_096

    /// Checks the form of the whole request.
    func validate(requiresPlus: Bool) throws(GraphError) -> AdmittedMessage {
        guard let messaging_product else { throw .wrongParameter("'messaging_product' is required") }
        guard messaging_product == "whatsapp" else { throw .wrongParameter("'messaging_product' must be 'whatsapp'") }
        if let data = biz_opaque_callback_data, data.unicodeScalars.count > Self.longestCallbackData {
            throw .wrongParameter("'biz_opaque_callback_data' is longer than \(Self.longestCallbackData) characters")
        }
        let recipient = try validRecipient(requiresPlus: requiresPlus)
        try validateContent()
        return AdmittedMessage(
            recipient: recipient,
            callbackData: biz_opaque_callback_data,
            isTemplate: type == "template"
        )
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
