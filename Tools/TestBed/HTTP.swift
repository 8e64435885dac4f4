import AsyncHTTPClient
public import NIOCore
import NIOHTTP1

/// Small requests to daemons, the simulator and the receiver.
public enum HTTP {
    /// Returns the body of the answer.
    ///
    /// - Throws: ``TestBedError/answer(url:status:body:)`` for any status but 2xx, and errors of the connection.
    @discardableResult
    public static func get(_ url: String) async throws -> ByteBuffer { try await send(HTTPClientRequest(url: url)) }

    /// Posts JSON, with a bearer token if one is given.
    @discardableResult
    public static func post(_ url: String, json: String = "{}", token: String? = nil) async throws -> ByteBuffer {
        try await send(url, .POST, json, token: token)
    }

    /// Puts JSON.
    @discardableResult
    public static func put(_ url: String, json: String) async throws -> ByteBuffer {
        try await send(url, .PUT, json, token: nil)
    }

    private static func send(
        _ url: String,
        _ method: HTTPMethod,
        _ json: String,
        token: String?
    ) async throws -> ByteBuffer {
        var request = HTTPClientRequest(url: url)
        request.method = method
        request.headers.add(name: "Content-Type", value: "application/json")
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        request.body = .bytes(ByteBuffer(string: json))
        return try await send(request)
    }

    private static func send(_ request: HTTPClientRequest) async throws -> ByteBuffer {
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let body = try await response.body.collect(upTo: 1 << 22)
        guard (200..<300).contains(response.status.code) else {
            throw TestBedError.answer(url: request.url, status: response.status.code, body: String(buffer: body))
        }
        return body
    }
}
