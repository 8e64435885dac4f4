import Foundation
import Hummingbird
import JSON
import NIOCore

/// Uploads in parts, whose handles are samples of templates.
extension SimulatorResponder {
    /// Answers `POST /{app}/uploads`, `POST /upload:…` and `GET /upload:…`.
    func resume(
        _ request: Request,
        parts: [Substring],
        version: String?,
        context: SimulatorContext
    ) async throws -> Response {
        let method = request.method.rawValue
        let query = ManagementCall.parameters(request.uri.query ?? "")
        let id = parts.first.map(String.init) ?? ""
        if let error = refusal(of: request) { return Self.answer(error) }
        let target = Self.target(of: request)
        switch (method, parts.count) {
        case ("POST", 2):
            let record = Recorded(operation: "uploads.create", method: method, target: target, body: "")
            return await struck(record, context: context) { (begin(query), []) }
        case ("GET", 1):
            let record = Recorded(operation: "uploads.get", method: method, target: target, body: "")
            return await struck(record, context: context) {
                guard let session = management.uploads.find(id) else { return (.failure(.unknownNumber(id)), []) }
                return (
                    .success(["id": .string(Self.name(of: session)), "file_offset": .integer(session.data.count)]), []
                )
            }
        case ("POST", 1):
            // A connection that breaks in between keeps what has come so far.
            let answer = await write(request, id: id)
            let session = management.uploads.find(id)
            let content = session.map { "\($0.data.count) of \($0.length) bytes, sha256 \($0.digest)" } ?? ""
            let record = Recorded(operation: "uploads.write", method: method, target: target, body: content)
            return await struck(record, context: context) { (answer, []) }
        default: return Self.answer(.unknownPath(request.uri.path))
        }
    }

    /// Answers with the file behind the address of a sample.
    func sample(_ number: String) -> Response {
        guard let file = Int(number).flatMap(management.uploads.file) else {
            return Self.answer(.unknownNumber(number))
        }
        return Response(
            status: .ok,
            headers: [.contentType: file.type],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: file.data))
        )
    }

    private static func name(of session: UploadStore.Session) -> String { "\(session.id)?sig=\(session.signature)" }

    private func begin(_ query: [String: String]) -> Result<JSONValue, GraphError> {
        guard let length = query["file_length"].flatMap({ Int($0) }), let type = query["file_type"] else {
            return .failure(.argument("The parameters file_length and file_type are required."))
        }
        guard UploadStore.types.contains(type) else {
            return .failure(
                .argument("file_type must be one of \(UploadStore.types.sorted().joined(separator: ", ")).")
            )
        }
        guard (1...UploadStore.longest).contains(length) else {
            return .failure(.argument("file_length must be 1 to \(UploadStore.longest)."))
        }
        let session = management.uploads.begin(name: query["file_name"] ?? "file", type: type, length: length)
        return .success(["id": .string(Self.name(of: session))])
    }

    private func write(_ request: Request, id: String) async -> Result<JSONValue, GraphError> {
        let header = HTTPFields.Element.Name("file_offset").flatMap { request.headers[$0] }
        guard var session = management.uploads.find(id) else { return .failure(.unknownNumber(id)) }
        guard var offset = header.flatMap({ Int($0) }), offset == session.data.count else {
            return .failure(.argument("The header file_offset must be \(session.data.count)."))
        }
        do {
            for try await buffer in request.body {
                guard let next = management.uploads.append(buffer.readableBytesView, to: id, at: offset) else {
                    return .failure(.argument("The file is longer than file_length."))
                }
                session = next
                offset = next.data.count
            }
        } catch {
            return .failure(.argument("The upload ended early: \(error)"))
        }
        guard session.data.count == session.length else {
            return .success(["id": .string(Self.name(of: session)), "file_offset": .integer(session.data.count)])
        }
        return .success(["h": .string(session.handle)])
    }
}
