import Foundation
import Hummingbird
import JSON
import NIOCore

/// Numbers, media, and messages of contacts that are marked as read.
extension SimulatorResponder {
    func node(_ id: String, _ request: Request) -> Response {
        if let error = refusal(of: request) { return Self.answer(error) }
        if let item = media.find(id) { return answer(item, request) }
        guard configuration.knownNumbers.isEmpty || configuration.knownNumbers.contains(id) else {
            return Self.answer(.unknownNumber(id))
        }
        var json = JSONWriter()
        json.raw("{\"id\":")
        json.string(id)
        json.raw(",\"display_phone_number\":")
        json.string(configuration.displayPhoneNumber)
        json.raw(",\"quality_rating\":")
        json.string(configuration.qualityRating)
        json.raw(",\"whatsapp_business_manager_messaging_limit\":")
        json.string(configuration.messagingLimit)
        json.raw("}")
        return Self.answer(json.bytes)
    }

    func upload(_ request: Request, phoneNumberID: String) async throws -> Response {
        if let error = refusal(of: request) { return Self.answer(error) }
        guard configuration.knownNumbers.isEmpty || configuration.knownNumbers.contains(phoneNumberID) else {
            return Self.answer(.unknownNumber(phoneNumberID))
        }
        let body = try await request.body.collect(upTo: MediaStore.longestUpload)
        guard let form = MultipartBody(Array(body.readableBytesView), contentType: request.headers[.contentType] ?? "")
        else { return Self.answer(.wrongParameter("the content type must be multipart/form-data")) }
        guard form["messaging_product"].map({ String(decoding: $0.data, as: UTF8.self) }) == "whatsapp" else {
            return Self.answer(.wrongParameter("'messaging_product' must be 'whatsapp'"))
        }
        guard let file = form["file"] else { return Self.answer(.wrongParameter("'file' is required")) }
        let item = media.add(file, phoneNumberID: phoneNumberID)
        return Self.answer(Array("{\"id\":\"\(item.id)\"}".utf8))
    }

    func delete(_ id: String, _ request: Request) -> Response {
        if let error = refusal(of: request) { return Self.answer(error) }
        guard media.remove(id) else { return Self.answer(.unknownNumber(id)) }
        return Self.answer(Array("{\"success\":true}".utf8))
    }

    func download(_ id: String, _ request: Request) -> Response {
        if let error = refusal(of: request) { return Self.answer(error) }
        guard let item = media.find(id) else { return Self.answer(.unknownNumber(id)) }
        return Response(
            status: .ok,
            headers: [.contentType: item.type],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: item.data))
        )
    }

    /// Checks that media were uploaded for the number.
    func checkMedia(of message: MessageRequest, phoneNumberID: String) throws(GraphError) {
        for id in message.mediaIDs where media.find(id)?.phoneNumberID != phoneNumberID {
            throw .invalid("id", "\(id) is not a medium of this number")
        }
    }

    private func answer(_ item: MediaStore.Item, _ request: Request) -> Response {
        let host = request.head.authority ?? "\(configuration.host):\(configuration.port)"
        let json: JSONValue = [
            "messaging_product": "whatsapp", "id": .string(item.id), "mime_type": .string(item.type),
            "sha256": .string(item.digest), "file_size": .integer(item.data.count),
            "url": .string("http://\(host)/_simulator/media/\(item.id)"),
        ]
        return Self.answer(Array(json.canonicalText.utf8))
    }
}

extension MessageRequest {
    /// Checks a request that marks a message of a contact as read.
    func validateMark(_ status: String) throws(GraphError) {
        guard messaging_product == "whatsapp" else { throw .wrongParameter("'messaging_product' must be 'whatsapp'") }
        guard status == "read" else { throw .invalid("status", "must be 'read'") }
        guard let message_id else { throw .missing("message_id") }
        guard message_id.hasPrefix("wamid.") else { throw .invalid("message_id", "is not the id of a message") }
    }
}
