import Foundation
import HTTPTypes
import Hummingbird
import JSON
import Logging
import NIOCore
import NIOHTTP1
import Postgres
import Spec
import Store

/// Names each request, and turns every error into an answer: the one place that knows both.
///
/// A method that an address does not take is an error like others, except `OPTIONS`, which asks what it takes.
package struct ProblemMiddleware: RouterMiddleware {
    /// The paths that exist with another method.
    let endpoints: EndpointTable

    package init(endpoints: EndpointTable) {
        self.endpoints = endpoints
    }

    @concurrent func handle(
        _ request: Request,
        context: APIContext,
        next: @concurrent (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        context.requestID = Self.requestID(request.headers[.requestID])
        var response: Response
        do {
            response = try await next(request, context)
        } catch let error as HTTPError where error.status == .notFound && request.method == .options {
            response = options(request, requestID: context.requestID)
        } catch {
            let problem = problem(of: error, request: request, logger: context.logger)
            response = problem.response(requestID: context.requestID)
        }
        response.headers[.requestID] = context.requestID
        return response
    }

    private func options(_ request: Request, requestID: String) -> Response {
        let methods = endpoints.methods(at: request.uri.path)
        guard !methods.isEmpty else { return Problem.noAddress.response(requestID: requestID) }
        return Response(status: .noContent, headers: [.allow: Self.list(methods)])
    }

    private static func list(_ methods: [HTTPRequest.Method]) -> String {
        methods.map(\.rawValue).joined(separator: ", ")
    }

    /// A caller may name its request, in characters that can do no harm in a log.
    private static func requestID(_ given: String?) -> String {
        guard let given, given.wholeMatch(of: /[A-Za-z0-9._:\-]{1,64}/) != nil else {
            return UUID.timeOrdered().apiText
        }
        return given
    }

    private func problem(of error: any Error, request: Request, logger: Logger) -> Problem {
        if let refusal = Problem(refusal: error) { return refusal }
        switch error {
        case let problem as Problem: return problem
        case is NIOTooManyBytesError: return Problem(.bodyTooLarge, "the body is larger than allowed")
        case let error as HTTPError: return problem(of: error, request: request)
        case is HTTPParserError:
            // Also the end of a caller who hung up amid the body, and never sees this. Nothing more can be read.
            var problem = Problem(.malformedRequest, "the request's body cannot be read to its end")
            problem.headers[.connection] = "close"
            return problem
        case let error as PostgresError where error.isTransient:
            logger.warning("The database cannot be asked", metadata: ["error": "\(error)"])
            var problem = Problem(.unavailable, "the database is not available at the moment; try again")
            problem.headers[.retryAfter] = "1"
            return problem
        case is CancellationError, PostgresError.cancelled, PostgresError.closed:
            return Problem(.unavailable, "the server is shutting down; try again")
        default:
            logger.error("A request failed", metadata: ["error": "\(error)", "path": "\(request.uri.path)"])
            return Problem(.internalError, "something went wrong here; the log has it under this request id")
        }
    }

    private func problem(of error: HTTPError, request: Request) -> Problem {
        switch error.status {
        case .notFound:
            let allowed = endpoints.methods(at: request.uri.path)
            guard !allowed.isEmpty else { return .noAddress }
            var problem = Problem(.methodNotAllowed, "this address takes \(Self.list(allowed))")
            problem.headers[.allow] = Self.list(allowed)
            return problem
        case .contentTooLarge: return Problem(.bodyTooLarge, "the body is larger than allowed")
        case .unsupportedMediaType: return Problem(.unsupportedMediaType, "send application/json")
        default: return Problem(.malformedRequest, "the request cannot be understood")
        }
    }
}

extension Problem {
    fileprivate static let noAddress = Problem(.notFound, "there is no such address")

    func response(requestID: String) -> Response {
        var headers = headers
        headers[.contentType] = Self.mediaType
        headers[.cacheControl] = "no-store"
        let body = ByteBuffer(string: json(requestID: requestID).canonicalText)
        return Response(status: code.status, headers: headers, body: .init(byteBuffer: body))
    }
}
