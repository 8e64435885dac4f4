import HTTPTypes
import Hummingbird
import JSON
import NIOCore
import Spec

/// What an endpoint answers when all went well.
struct APIAnswer: Sendable {
    enum Content: Sendable {
        case none
        case json(JSONValue)
        /// JSON that is written already.
        case text([UInt8])
        /// A body that is written while it is made.
        case stream(mediaType: String, write: @concurrent @Sendable (inout any ResponseBodyWriter) async throws -> Void)
    }

    var status = HTTPResponse.Status.ok
    var content: Content
    var headers: HTTPFields = [:]

    static func json(_ value: JSONValue, status: HTTPResponse.Status = .ok) -> APIAnswer {
        APIAnswer(status: status, content: .json(value))
    }

    /// An answer about something new, with its address.
    static func created(_ value: JSONValue, at path: String) -> APIAnswer {
        APIAnswer(status: .created, content: .json(value), headers: [.location: path])
    }

    static let noContent = APIAnswer(status: .noContent, content: .none)

    var response: Response {
        var headers = headers
        headers[.cacheControl] = "no-store"
        switch content {
        case .none: return Response(status: status, headers: headers)
        case .json(let value):
            headers[.contentType] = "application/json"
            return Response(
                status: status,
                headers: headers,
                body: .init(byteBuffer: ByteBuffer(string: value.canonicalText))
            )
        case .text(let bytes):
            headers[.contentType] = "application/json"
            return Response(status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
        case .stream(let mediaType, let write):
            headers[.contentType] = mediaType
            return Response(
                status: status,
                headers: headers,
                body: .init { writer in
                    try await write(&writer)
                    try await writer.finish(nil)
                }
            )
        }
    }
}
