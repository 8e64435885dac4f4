import Foundation
import Hummingbird
import NIOCore

/// Answers every request of the server; a switch instead of a router, because one route gets all the load.
struct SimulatorResponder: HTTPResponder {
    static let longestBody = 1 << 18

    let configuration: SimulatorConfiguration
    let desk: MessageDesk
    let queue: WebhookQueue
    let ledger: Ledger?

    func respond(to request: Request, context: SimulatorContext) async throws -> Response {
        switch SimulatorRoute(method: request.method.rawValue, path: request.uri.path) {
        case .messages(let id):
            try await send(request, phoneNumberID: id, isMarketing: false, context: context)
        case .marketingMessages(let id):
            try await send(request, phoneNumberID: id, isMarketing: true, context: context)
        case .phoneNumber(let id): phoneNumber(id, request)
        case .summary: try document(desk.summary)
        case .faults: try document(desk.faults)
        case .setFaults: try await setFaults(request)
        case .setWebhook: try await setWebhook(request)
        case .recipient(let number): recipient(number)
        case .reset: reset()
        case .unknown:
            Self.answer(GraphError(code: 100, status: 404, details: "no such path: \(request.uri.path)"))
        }
    }

    /// Whether the token of the request is let in; `nil` when it is.
    func refusal(of request: Request) -> GraphError? {
        guard let value = request.headers[.authorization] else { return .unauthorized("no access token") }
        let scheme = "Bearer "
        let token = value.dropFirst(scheme.count)
        guard value.hasPrefix(scheme), !token.isEmpty else { return .unauthorized("not a bearer token") }
        guard configuration.acceptedTokens.isEmpty || configuration.acceptedTokens.contains(String(token)) else {
            return .unauthorized("unknown access token")
        }
        return nil
    }

    /// An error in the shape of the real service.
    static func answer(_ error: GraphError) -> Response {
        var json = JSONWriter()
        json.raw("{\"error\":{\"message\":")
        json.string(error.message)
        json.raw(",\"type\":\"OAuthException\",\"code\":\(error.code)")
        if let details = error.details {
            json.raw(",\"error_data\":{\"messaging_product\":\"whatsapp\",\"details\":")
            json.string(details)
            json.raw("}")
        }
        json.raw(",\"fbtrace_id\":\"simulator\"}}")
        var response = answer(json.bytes, status: HTTPResponse.Status(code: error.status))
        if let seconds = error.retryAfterSeconds { response.headers[.retryAfter] = "\(seconds)" }
        return response
    }

    static func answer(_ json: [UInt8], status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status,
            headers: [.contentType: "application/json; charset=UTF-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: json))
        )
    }
}
