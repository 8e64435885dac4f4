import JSON
import Store

/// Finds the id in the answer to an accepted message, without making values of the rest.
struct AcceptedAnswer: Hashable {
    let id: String
    /// The `message_status`, unless it is `accepted`.
    let messageStatus: String?
    /// The ids of the recipient, if one of them is not what the message was sent to.
    let recipient: SendAnswer.RecipientIDs?

    /// Makes an answer of the first message in it, and of the ids of the first contact that are news.
    init(id: String, messageStatus: String?, waID: String? = nil, userID: String? = nil) {
        self.id = id
        self.messageStatus = messageStatus == "accepted" ? nil : messageStatus.map { String($0.prefix(50)) }
        let (waID, userID) = (waID.flatMap(LearnedIDs.storable), userID.flatMap(LearnedIDs.storable))
        recipient = waID == nil && userID == nil ? nil : SendAnswer.RecipientIDs(waID: waID, userID: userID)
    }

    /// Reads the first message; `nil` if the answer is written in an unusual way and has to be decoded.
    init?(scanning text: UnsafeRawBufferPointer) {
        var scanner = JSONScanner(text)
        var message: (id: UnsafeRawBufferPointer?, status: UnsafeRawBufferPointer?) = (nil, nil)
        var contact = ScannedContact()
        var (hasMessages, hasContacts) = (false, false)
        let isWhole = scanner.object { scanner, key in
            if !hasMessages, Self.equals(key, "messages") {
                hasMessages = true
                return Self.onlyObject(&scanner) { scanner, key in
                    if message.id == nil, Self.equals(key, "id") { return Self.read(&message.id, &scanner) }
                    if message.status == nil, Self.equals(key, "message_status") {
                        return Self.read(&message.status, &scanner)
                    }
                    return scanner.skipValue()
                }
            }
            if !hasContacts, Self.equals(key, "contacts") {
                hasContacts = true
                return Self.onlyObject(&scanner) { scanner, key in
                    if Self.equals(key, "input") { return Self.read(&contact.input, &scanner) }
                    if Self.equals(key, "wa_id") { return Self.read(&contact.waID, &scanner) }
                    if Self.equals(key, "user_id") { return Self.read(&contact.userID, &scanner) }
                    return scanner.skipValue()
                }
            }
            return scanner.skipValue()
        }
        guard isWhole, scanner.isAtEnd, let bytes = message.id, let id = String(validating: bytes, as: UTF8.self) else {
            return nil
        }
        var messageStatus: String?
        if let status = message.status, !Self.equals(status, "accepted") {
            guard let text = String(validating: status, as: UTF8.self) else { return nil }
            messageStatus = text
        }
        self.init(id: id, messageStatus: messageStatus, waID: contact.news(\.waID), userID: contact.news(\.userID))
    }

    /// Reads an array of one object.
    private static func onlyObject(
        _ scanner: inout JSONScanner,
        _ value: (inout JSONScanner, _ key: UnsafeRawBufferPointer) -> Bool
    ) -> Bool {
        scanner.skip(UInt8(ascii: "[")) && scanner.object(value) && scanner.skip(UInt8(ascii: "]"))
    }

    private static func read(_ text: inout UnsafeRawBufferPointer?, _ scanner: inout JSONScanner) -> Bool {
        text = scanner.string()
        return text != nil
    }

    private static func equals(_ text: UnsafeRawBufferPointer, _ name: StaticString) -> Bool {
        name.withUTF8Buffer { text.elementsEqual($0) }
    }
}

/// The contact of an answer: what the message was sent to, and the ids that WhatsApp has for it.
private struct ScannedContact {
    var input: UnsafeRawBufferPointer?
    var waID: UnsafeRawBufferPointer?
    var userID: UnsafeRawBufferPointer?

    /// Returns an id that differs from what the message was sent to; `nil` for nearly all.
    func news(_ id: KeyPath<ScannedContact, UnsafeRawBufferPointer?>) -> String? {
        guard let bytes = self[keyPath: id] else { return nil }
        let isSame = input.map { $0.drop { $0 == UInt8(ascii: "+") }.elementsEqual(bytes) } ?? false
        return isSame ? nil : String(validating: bytes, as: UTF8.self)
    }
}
