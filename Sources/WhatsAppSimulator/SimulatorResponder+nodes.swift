import Foundation
import Hummingbird
import JSON
import NIOCore

/// Numbers, media, and messages of contacts that are marked as read.
extension SimulatorResponder {
    func node(_ id: String, _ request: Request, context: SimulatorContext) async throws -> Response {
        guard let item = media.find(id, now: management.clock.now) else {
            return try await manage(request, context: context)
        }
        if let error = refusal(of: request) { return Self.answer(error) }
        if let error = refusal(of: item, request) { return Self.answer(error) }
        return answer(item, request)
    }

    func upload(_ request: Request, phoneNumberID: String, context: SimulatorContext) async throws -> Response {
        if let error = refusal(of: request) { return Self.answer(error) }
        guard configuration.knownNumbers.isEmpty || configuration.knownNumbers.contains(phoneNumberID) else {
            return Self.answer(.unknownNumber(phoneNumberID))
        }
        let body = try await request.body.collect(upTo: MediaStore.longestUpload)
        guard let form = MultipartBody(Array(body.readableBytesView), contentType: request.headers[.contentType] ?? "")
        else { return Self.answer(.wrongParameter("the content type must be multipart/form-data")) }
        let file = form["file"]
        let record = Recorded(
            operation: "media.upload",
            method: "POST",
            target: Self.target(of: request),
            body: file.map { "\($0.type), \($0.data.count) bytes, sha256 \(MediaStore.digest(of: $0.data))" } ?? ""
        )
        return await struck(record, context: context) {
            guard form["messaging_product"].map({ String(decoding: $0.data, as: UTF8.self) }) == "whatsapp" else {
                return (.failure(.wrongParameter("'messaging_product' must be 'whatsapp'")), [])
            }
            guard let file else { return (.failure(.wrongParameter("'file' is required")), []) }
            if let error = MediaStore.refusal(of: file) { return (.failure(error), []) }
            let item = media.add(file, phoneNumberID: phoneNumberID, now: management.clock.now)
            return (.success(["id": .string(item.id)]), [])
        }
    }

    func delete(_ id: String, _ request: Request, context: SimulatorContext) async -> Response {
        if let error = refusal(of: request) { return Self.answer(error) }
        let record = Recorded(
            operation: "media.delete",
            method: "DELETE",
            target: Self.target(of: request),
            body: ""
        )
        return await struck(record, context: context) {
            guard let item = media.find(id, now: management.clock.now) else {
                return (.failure(.unknownNumber(id)), [])
            }
            if let error = refusal(of: item, request) { return (.failure(error), []) }
            _ = media.remove(id)
            return (.success(["success": true]), [])
        }
    }

    /// Returns the error for a medium of another number than the one that the request names.
    private func refusal(of item: MediaStore.Item, _ request: Request) -> GraphError? {
        let number = ManagementCall.parameters(request.uri.query ?? "")["phone_number_id"]
        return number ?? item.phoneNumberID == item.phoneNumberID ? nil : .unknownNumber(item.id)
    }

    /// Returns the rules for a message: the account's own template, if there is one, in place of those of the rules.
    func rules(for message: MessageRequest, phoneNumberID: String) -> SimulatorRules {
        var rules = admission.rules
        guard message.type == "template", let name = message.template?.name,
            let language = message.template?.language?.code
        else { return rules }
        switch management.sendRules.verdict(name: name, language: language, phoneNumberID: phoneNumberID) {
        case .unknown: break
        case .unchecked: rules.templates = []
        case .rule(let template): rules.templates = [template]
        }
        return rules
    }

    func download(_ id: String, _ request: Request) -> Response {
        if let error = refusal(of: request) { return Self.answer(error) }
        guard let item = media.find(id, now: management.clock.now) else { return Self.answer(.unknownNumber(id)) }
        return Response(
            status: .ok,
            headers: [.contentType: item.type],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: item.data))
        )
    }

    /// Checks that media were uploaded for the number.
    func checkMedia(of message: MessageRequest, phoneNumberID: String) throws(GraphError) {
        let now = management.clock.now
        for id in message.mediaIDs where media.find(id, now: now)?.phoneNumberID != phoneNumberID {
            throw .invalid("id", "\(id) is not a medium of this number")
        }
    }

    private func answer(_ item: MediaStore.Item, _ request: Request) -> Response {
        let host = request.head.authority ?? "\(configuration.host):\(configuration.port)"
        let json: JSONValue = [
            "messaging_product": "whatsapp", "id": .string(item.id), "mime_type": .string(item.type),
            "sha256": .string(item.digest), "file_size": .string("\(item.data.count)"),
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
