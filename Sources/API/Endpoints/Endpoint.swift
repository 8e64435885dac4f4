import HTTPTypes
import JSON
import Spec

/// One route: how it is called, what it takes and answers, and what it does.
///
/// The router, the checks and the description of the API are all made from this.
struct Endpoint: Sendable {
    /// Who may call.
    enum Access: Sendable {
        case everybody
        case token
    }

    /// What a request has to bring along.
    enum Body: Sendable {
        case none
        case required(Shape, example: JSONValue)
        case optional(Shape, example: JSONValue)
    }

    /// What comes back when all goes well.
    struct Answer: Sendable {
        let status: HTTPResponse.Status
        let description: String
        /// The media type, with the shape of what is JSON and an example.
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
        ) -> Answer {
            Answer(status: status, description: description, content: [Content(shape: shape, example: example)])
        }
    }

    let method: HTTPRequest.Method
    /// `/campaigns/{id}`; every placeholder is a UUID unless `pathShapes` says otherwise.
    let path: String
    /// The name of the operation, for generators of clients.
    let name: String
    let tag: String
    let summary: String
    var details: String?
    var access = Access.token
    var pathShapes: [String: Shape] = [:]
    var query: [QueryParameter] = []
    var body = Body.none
    let answers: [Answer]
    /// What can go wrong beyond what can go wrong everywhere.
    var problems: [Problem.Code] = []
    /// `nil` for routes that are described here and registered elsewhere.
    var handle: (@Sendable (APICall) async throws -> APIAnswer)?

    /// Bodies are not larger than this, in bytes.
    static let largestBody = 1 << 20

    /// The names of the placeholders.
    var pathParameters: [String] {
        path.split(separator: "/").filter { $0.hasPrefix("{") }.map { String($0.dropFirst().dropLast()) }
    }

    /// All problems that a caller has to reckon with.
    var allProblems: [Problem.Code] {
        var codes = problems
        if access == .token { codes += [.unauthorized, .authenticationNotConfigured, .tooManyRequests] }
        if handle != nil { codes += [.malformedRequest, .internalError, .unavailable] }
        if !query.isEmpty || handle != nil { codes.append(.invalidParameter) }
        if !pathParameters.isEmpty { codes.append(.notFound) }
        if case .none = body {
        } else {
            codes += [.malformedJSON, .bodyTooLarge, .unsupportedMediaType, .invalidFields]
        }
        return Problem.Code.allCases.filter(codes.contains)
    }
}
