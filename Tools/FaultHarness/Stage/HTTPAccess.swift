import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// Talks to the control addresses of the receiver and the daemons.
enum HTTPAccess {
    /// The body of a successful answer; `nil` for any other.
    static func get(port: Int, path: String) async throws -> ByteBuffer? {
        try await send(HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)"))
    }

    static func put(port: Int, path: String, json: String) async throws -> ByteBuffer? {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        request.method = .PUT
        request.body = .bytes(ByteBuffer(string: json))
        return try await send(request)
    }

    private static func send(_ request: HTTPClientRequest) async throws -> ByteBuffer? {
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(5))
        let body = try await response.body.collect(upTo: 1 << 20)
        return response.status == .ok ? body : nil
    }
}
