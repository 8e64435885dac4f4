import Foundation
import HTTPTypes
import Hummingbird
import JSON
import Logging
import NIOCore
import NIOHTTP1
import Postgres
import Settings
import Spec
import Store

/// Gives each request an id, converts errors to answers, and answers `OPTIONS`.
struct ProblemMiddleware: RouterMiddleware {
    /// Tells an unknown address from an unknown method.
    let endpoints: EndpointTable

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

    /// Returns the caller's id for the request if it is harmless in a log, else a new one.
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
        case is NIOTooManyBytesError: return Problem(.bodyTooLarge, "the body is too large")
        case let error as HTTPError: return problem(of: error, request: request)
        case is HTTPParserError:
            // Also reached when the caller hangs up during the body. Nothing more can be read from the connection.
            var problem = Problem(.malformedRequest, "the body of the request is malformed or incomplete")
            problem.headers[.connection] = "close"
            return problem
        case let error as PostgresError where error.isTransient:
            logger.warning("Database unavailable", metadata: ["error": "\(error)"])
            var problem = Problem(.unavailable, "the database is unavailable; try again")
            problem.headers[.retryAfter] = "1"
            return problem
        case is CancellationError, PostgresError.cancelled, PostgresError.closed:
            return Problem(.unavailable, "the server is shutting down; try again")
        default:
            let text = ErrorText.of(error)
            logger.error("Request failed", metadata: ["error": "\(text)", "path": "\(request.uri.path)"])
            return Problem(.internalError, "internal error; the log has it under this request id")
        }
    }

    private func problem(of error: HTTPError, request: Request) -> Problem {
        switch error.status {
        case .notFound:
            let allowed = endpoints.methods(at: request.uri.path)
            guard !allowed.isEmpty else { return .noAddress }
            var problem = Problem(.methodNotAllowed, "the methods of this address are \(Self.list(allowed))")
            problem.headers[.allow] = Self.list(allowed)
            return problem
        case .contentTooLarge: return Problem(.bodyTooLarge, "the body is too large")
        case .unsupportedMediaType: return Problem(.unsupportedMediaType, "send application/json")
        default: return Problem(.malformedRequest, "the request is malformed")
        }
    }
}

extension HTTPField.Name {
    /// The id of a request, in the request and in the answer.
    fileprivate static let requestID = HTTPField.Name("X-Request-Id") ?? .from
}

extension Problem {
    fileprivate static let noAddress = Problem.notFound("address")

    func response(requestID: String) -> Response {
        var headers = headers
        headers[.contentType] = Self.mediaType
        headers[.cacheControl] = "no-store"
        let body = ByteBuffer(string: json(requestID: requestID).canonicalText)
        return Response(status: code.status, headers: headers, body: .init(byteBuffer: body))
    }
}
