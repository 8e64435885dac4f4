import AccessTokens
import Foundation
import HTTPTypes
import Hummingbird
import JSON
import Logging
import NIOCore
import Postgres
import Spec

/// All endpoints of the server.
///
/// Routes are registered here only, so that the description is complete.
struct EndpointTable: Sendable {
    let endpoints: [Endpoint]

    init(_ endpoints: [Endpoint]) {
        precondition(
            endpoints.allSatisfy { $0.ids.isEmpty || $0.noun != nil },
            "an endpoint with an id in its path says what the id identifies"
        )
        self.endpoints = endpoints
    }

    /// Returns the methods of an address; empty if there is no such address.
    func methods(at path: String) -> [HTTPRequest.Method] {
        let own = matches(path).map(\.method)
        guard !own.isEmpty else { return [] }
        return (own + (own.contains(.get) ? [.head] : []) + [.options]).sorted { $0.rawValue < $1.rawValue }
    }

    /// Returns the endpoints at an address; a path without placeholders wins over one with them.
    func matches(_ path: String) -> [Endpoint] {
        let parts = path.split(separator: "/")
        let found = endpoints.filter { endpoint in
            let own = endpoint.path.split(separator: "/")
            return own.count == parts.count && zip(own, parts).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
        }
        let fewest = found.map(\.pathParameters.count).min()
        return found.filter { $0.pathParameters.count == fewest }
    }

    /// Registers all endpoints.
    ///
    /// - Parameters:
    ///   - router: Gets the routes.
    ///   - authenticator: Verifies access tokens.
    ///   - limiter: Limits the requests of each tenant; `nil` means no limit.
    ///   - readLimit: The longest time of a statement of a read whose endpoint has none of its own.
    func add(
        to router: Router<APIContext>,
        authenticator: Authenticator,
        limiter: RequestLimiter?,
        readLimit: Duration
    ) {
        for endpoint in endpoints {
            router.on(RouterPath(endpoint.path), method: endpoint.method) { request, context -> Response in
                switch endpoint.handle {
                case .raw(let handle): return try await handle(request, context)
                case .checked(let handle):
                    let caller = try await authenticator.caller(of: request, logger: context.logger)
                    try limiter?.admit(tenant: caller.tenantID)
                    try endpoint.neededAccess.check(caller)
                    let call = try await endpoint.call(request, context, caller)
                    guard endpoint.isRead else { return try await handle(call).response }
                    return try await endpoint.bounded(by: endpoint.statementLimit ?? readLimit, call, handle)
                }
            }
        }
    }
}

extension Endpoint {
    /// Answers a read whose statements have a limit.
    ///
    /// A body that is streamed is written after it, with deadlines of its own.
    fileprivate func bounded(
        by limit: Duration,
        _ call: APICall,
        _ handle: @Sendable (APICall) async throws -> APIResponse
    ) async throws -> Response {
        do {
            return try await StatementLimit.$current.withValue(limit) { try await handle(call).response }
        } catch PostgresError.timeout(let limit) {
            call.logger.warning(
                "Stopped a read that took too long",
                metadata: ["tenant": "\(call.tenant)", "route": "\(method.rawValue) \(path)", "limit": "\(limit)"]
            )
            throw Problem.tooSlow(limit, ifSlow)
        }
    }

    /// Checks a request against this endpoint.
    fileprivate func call(_ request: Request, _ context: APIContext, _ caller: Caller) async throws -> APICall {
        var ids: [String: UUID] = [:]
        for name in self.ids {
            guard let id = context.parameters.get(name).flatMap({ UUID(apiText: $0) }) else {
                // A malformed id identifies nothing, like a well-formed one that is unknown.
                throw Problem.notFound(noun ?? name)
            }
            ids[name] = id
        }
        let query = try query.values(QueryParameter.parse(request.uri.query))
        return APICall(
            caller: caller,
            ids: ids,
            query: query,
            body: try await body(of: request),
            headers: request.headers,
            context: context
        )
    }

    private func body(of request: Request) async throws -> JSONValue {
        switch body {
        case .none: return .null
        case .required(let shape, _): return try await Self.value(of: request.limitedBody(), shape, request.headers)
        case .optional(let shape, _):
            let buffer = try await request.limitedBody()
            return buffer.readableBytes == 0 ? .null : try Self.value(of: buffer, shape, request.headers)
        }
    }

    /// Reads a JSON body and checks it against its shape.
    static func value(of body: ByteBuffer, _ shape: Shape, _ headers: HTTPFields) throws(Problem) -> JSONValue {
        guard isJSON(headers[.contentType]) else { throw Problem(.unsupportedMediaType, "send application/json") }
        if let encoding = headers[.contentEncoding], encoding.lowercased() != "identity" {
            var problem = Problem(.unsupportedMediaType, "send the body without Content-Encoding")
            problem.headers[.acceptEncoding] = "identity"
            throw problem
        }
        let value: JSONValue
        do {
            value = try JSONValue(parsing: body.readableBytesView)
        } catch {
            throw Problem(.malformedJSON, "\(error)")
        }
        let problems = shape.problems(of: value) + (value.isStorable ? [] : value.unstorableTexts())
        guard problems.isEmpty else { throw Problem.invalid(problems) }
        return value
    }

    private static func isJSON(_ type: String?) -> Bool {
        guard let type, type != "application/json" else { return type != nil }
        let name = type.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces).lowercased()
        return name == "application/json"
    }
}

extension Request {
    /// Reads the body, up to ``Endpoint/largestBody`` bytes.
    ///
    /// - Throws: ``Problem`` for a larger one.
    func limitedBody() async throws -> ByteBuffer {
        if let length = headers[.contentLength].flatMap({ Int($0) }), length > Endpoint.largestBody {
            throw Problem(.bodyTooLarge, "the body has \(length) bytes; the limit is \(Endpoint.largestBody)")
        }
        return try await body.collect(upTo: Endpoint.largestBody)
    }
}
