import AccessTokens
import Foundation
import HTTPTypes
import Hummingbird
package import JSON
import Logging
import NIOCore
import Spec
import Store

/// One route: how it is called, what it accepts and answers, and the code that handles it.
///
/// The router, the checks of requests and the OpenAPI document are made from this value, and a test compares the table
/// of routes in `docs/api.md` with it. A new route is one more `Endpoint`.
struct Endpoint: Sendable {
    enum Access: Hashable, Sendable {
        /// No access token is needed.
        case open
        /// Any access token that has one of our scopes, or no claim of scopes.
        case anyToken
        /// An access token with a scope.
        case token(AccessScope)

        /// Checks the rights of a caller.
        ///
        /// - Throws: ``Problem`` that names the missing scope.
        func check(_ caller: Caller) throws(Problem) {
            if caller.scopes.isEmpty { throw .forbiddenWithoutScopes }
            if case .token(let scope) = self, !caller.scopes.allows(scope) { throw .forbidden(scope) }
        }
    }

    /// The body that a request must or may have.
    enum Body: Sendable {
        case none
        case required(Shape, example: JSONValue)
        case optional(Shape, example: JSONValue)
    }

    /// A response that a caller has to expect.
    struct ResponseShape: Sendable {
        let status: HTTPResponse.Status
        let description: String
        /// One entry for each media type.
        var content: [Content] = []

        struct Content: Sendable {
            var mediaType = "application/json"
            let shape: Shape
            let example: JSONValue
        }

        static func json(
            _ status: HTTPResponse.Status,
            _ description: String,
            _ shape: Shape,
            example: JSONValue
        ) -> ResponseShape {
            ResponseShape(status: status, description: description, content: [Content(shape: shape, example: example)])
        }
    }

    enum Handler: Sendable {
        /// Receives a request after its token, rate, ids, query and body were checked.
        case checked(@Sendable (APICall) async throws -> APIResponse)
        /// Receives the request itself, for routes with checks of their own: signatures, probes, WhatsApp's webhook.
        case raw(@Sendable (Request, APIContext) async throws -> Response)
    }

    let method: HTTPRequest.Method
    /// `/campaigns/{id}`; each placeholder is a UUID unless `pathShapes` says otherwise.
    let path: String
    /// The thing that `{id}` identifies, such as `campaign`, for 404 answers; `nil` if the path has no id.
    var noun: String?
    /// The `operationId`, from which client generators make names of functions.
    let name: String
    let tag: String
    let summary: String
    var details: String?
    /// The rights that it needs; `nil` for the scope `read` if it is a `GET`, and for `admin` otherwise.
    var access: Access?
    var pathShapes: [String: Shape] = [:]
    var query: [QueryParameter] = []
    var body = Body.none
    let responses: [ResponseShape]
    /// Problems of this endpoint, beside those that are possible everywhere.
    var problems: [Problem.Code] = []
    /// The longest time of a statement of a read; `nil` takes that of all reads.
    var statementLimit: Duration?
    /// The remedy for a caller whose read takes too long, as an infinitive; `nil` if only another attempt may help.
    var ifSlow: String?
    let handle: Handler

    /// Maximum size of a body in bytes.
    static let largestBody = 1 << 20

    /// The rights that it needs.
    var neededAccess: Access { access ?? .token(method == .get ? .read : .admin) }

    /// True if it changes nothing.
    ///
    /// Such requests are bounded, because some of them read everything that a tenant has, over
    /// the connections that sending needs, too; a change takes as long as its own code allows.
    var isRead: Bool { method == .get || neededAccess == .token(.read) }

    /// The names of the placeholders.
    var pathParameters: [String] {
        path.split(separator: "/").filter { $0.hasPrefix("{") }.map { String($0.dropFirst().dropLast()) }
    }

    /// The placeholders that are ids.
    var ids: [String] { pathParameters.filter { pathShapes[$0] == nil } }

    /// All problems that a caller has to expect.
    var allProblems: [Problem.Code] {
        var codes = problems
        if neededAccess != .open {
            codes += [.unauthorized, .forbidden, .authenticationNotConfigured, .tooManyRequests, .unavailable]
        }
        if case .checked = handle {
            codes += [.malformedRequest, .internalError, .unavailable, .invalidParameter]
            if isRead { codes.append(.tooSlow) }
        }
        if !query.isEmpty { codes.append(.invalidParameter) }
        if !pathParameters.isEmpty { codes.append(.notFound) }
        if case .none = body {
        } else {
            codes += [.malformedJSON, .bodyTooLarge, .unsupportedMediaType, .invalidFields]
        }
        return Problem.Code.allCases.filter(codes.contains)
    }
}

/// A request after all checks of its endpoint.
struct APICall: Sendable {
    let caller: Caller
    let ids: [String: UUID]
    let query: [String: JSONValue]
    /// `null` if there is no body.
    let body: JSONValue
    let headers: HTTPFields
    let context: APIContext

    var tenant: String { caller.tenantID }
    /// The log, with the id of the request.
    var logger: Logger { context.logger }
    /// The caller, as actions on runs record it.
    var actor: RunActor { .api(caller.subject) }

    var accept: String? { headers[.accept] }

    /// Returns the id in the path.
    func id() throws(Problem) -> UUID {
        guard let id = ids["id"] else { throw .notFound("id") }
        return id
    }

    var page: Int { query["page"]?.integerValue ?? 1 }
    var limit: Int { query["limit"]?.integerValue ?? 20 }

    func text(_ name: String) -> String? { query[name]?.stringValue }

    func uuid(_ name: String) -> UUID? { text(name).flatMap { UUID(uuidString: $0) } }

    /// Makes the answer to a request for a page of a list.
    func page(_ items: [JSONValue], total: Int) -> APIResponse {
        .json(["items": .array(items), "page": .integer(page), "limit": .integer(limit), "total": .integer(total)])
    }
}

/// The response of an endpoint to a successful request.
struct APIResponse: Sendable {
    enum Content: Sendable {
        case none
        case json(JSONValue)
        /// JSON that is encoded already.
        case text([UInt8])
        /// A file.
        case bytes([UInt8], mediaType: String)
        /// A body that is streamed while it is made.
        case stream(mediaType: String, write: @concurrent @Sendable (inout any ResponseBodyWriter) async throws -> Void)
    }

    var status = HTTPResponse.Status.ok
    var content: Content
    var headers: HTTPFields = [:]

    static func json(_ value: JSONValue, status: HTTPResponse.Status = .ok) -> APIResponse {
        APIResponse(status: status, content: .json(value))
    }

    /// Makes the answer to a request that created something, with its address.
    static func created(_ value: JSONValue, at path: String) -> APIResponse {
        APIResponse(status: .created, content: .json(value), headers: [.location: path])
    }

    static let noContent = APIResponse(status: .noContent, content: .none)

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
        case .bytes(let bytes, let mediaType):
            headers[.contentType] = mediaType
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

extension JSONValue {
    /// Makes an object with the fields that have a value: answers contain no nulls for absent values.
    package static func fields(_ fields: [String: JSONValue?]) -> JSONValue {
        .object(fields.compactMapValues { $0 })
    }
}
