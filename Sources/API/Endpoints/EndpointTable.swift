import AccessTokens
import Foundation
import HTTPTypes
import Hummingbird
import JSON
import NIOCore
import Spec

/// All endpoints of the server, and the only way to register one.
package struct EndpointTable: Sendable {
    let endpoints: [Endpoint]

    /// The methods that an address takes, whoever asks; empty when there is nothing.
    func methods(at path: String) -> [HTTPRequest.Method] {
        let own = matches(path).map(\.method)
        guard !own.isEmpty else { return [] }
        return (own + (own.contains(.get) ? [.head] : []) + [.options]).sorted { $0.rawValue < $1.rawValue }
    }

    /// The endpoints at an address; one with a placeholder gives way to one without.
    func matches(_ path: String) -> [Endpoint] {
        let parts = path.split(separator: "/")
        let found = endpoints.filter { endpoint in
            let own = endpoint.path.split(separator: "/")
            return own.count == parts.count && zip(own, parts).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
        }
        let fewest = found.map(\.pathParameters.count).min()
        return found.filter { $0.pathParameters.count == fewest }
    }

    /// Registers the endpoints that have something to do.
    func add(to router: Router<APIContext>, authenticator: Authenticator, limiter: RequestLimiter?) {
        for endpoint in endpoints {
            guard let handle = endpoint.handle else { continue }
            router.on(RouterPath(endpoint.path), method: endpoint.method) { request, context in
                let caller = try await authenticator.caller(of: request, logger: context.logger)
                try limiter?.admit(tenant: caller.tenantID)
                return try await handle(Self.call(endpoint, request, context, caller)).response
            }
        }
    }

    private static func call(
        _ endpoint: Endpoint,
        _ request: Request,
        _ context: APIContext,
        _ caller: Caller
    ) async throws -> APICall {
        var path: [String: UUID] = [:]
        for name in endpoint.pathParameters {
            guard let id = context.parameters.get(name).flatMap({ UUID(apiText: $0) }) else {
                // What is no id is the id of nothing.
                throw Problem.notFound(String(endpoint.tag.dropLast()))
            }
            path[name] = id
        }
        let query = try endpoint.query.values(QueryString.parse(request.uri.query))
        return APICall(
            caller: caller,
            path: path,
            query: query,
            body: try await body(endpoint, request),
            accept: request.headers[.accept],
            requestID: context.requestID,
            logger: context.logger
        )
    }

    private static func body(_ endpoint: Endpoint, _ request: Request) async throws -> JSONValue {
        let shape: Shape
        let isOptional: Bool
        switch endpoint.body {
        case .none: return .null
        case .required(let required, _): (shape, isOptional) = (required, false)
        case .optional(let optional, _): (shape, isOptional) = (optional, true)
        }
        let buffer = try await collect(request)
        if isOptional, buffer.readableBytes == 0 { return .null }
        return try value(of: buffer, shape, headers: request.headers)
    }

    /// The bytes of a body that is not too large.
    static func collect(_ request: Request) async throws -> ByteBuffer {
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > Endpoint.largestBody {
            throw Problem(.bodyTooLarge, "the body has \(length) bytes, more than \(Endpoint.largestBody)")
        }
        return try await request.body.collect(upTo: Endpoint.largestBody)
    }

    /// The value of a body, checked against its shape.
    static func value(of body: ByteBuffer, _ shape: Shape, headers: HTTPFields) throws(Problem) -> JSONValue {
        guard isJSON(headers[.contentType]) else { throw Problem(.unsupportedMediaType, "send application/json") }
        if let encoding = headers[.contentEncoding], encoding.lowercased() != "identity" {
            var problem = Problem(.unsupportedMediaType, "send it as it is, without Content-Encoding")
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
