import AsyncHTTPClient
import Foundation
import JSON
import NIOCore
import NIOHTTP1
import Testing
import WhatsAppSimulator

/// Calls a simulator over HTTP the way a sender would.
struct Caller: Sendable {
    struct Answer: Sendable {
        let status: Int
        let retryAfter: String?
        let usage: String?
        let body: Data

        var text: String { String(decoding: body, as: UTF8.self) }
        /// The id of the accepted message.
        var wamid: String? { (try? JSONDecoder().decode(Acceptance.self, from: body))?.messages.first?.id }
        /// The body as JSON; `null` if it is none.
        var json: JSONValue { (try? JSONValue(parsing: body)) ?? .null }
        /// The subcode of the error.
        var subcode: Int? { json["error"]?["error_subcode"]?.integerValue }
        /// The code of the error.
        var code: Int? { (try? JSONDecoder().decode(Failure.self, from: body))?.error.code }
    }

    struct Acceptance: Decodable, Hashable {
        struct Contact: Decodable, Hashable {
            let input: String
            let wa_id: String?
            let user_id: String?
        }
        struct Message: Decodable, Hashable {
            let id: String
            let message_status: String?
        }
        let messaging_product: String
        let contacts: [Contact]
        let messages: [Message]
    }

    struct Failure: Decodable {
        struct Content: Decodable {
            struct Data: Decodable { let details: String }
            let code: Int
            let message: String
            let type: String
            let error_data: Data?
            let fbtrace_id: String
        }
        let error: Content
    }

    enum Method: String, Sendable { case GET, POST, PUT, DELETE }

    static let sender = "106540352242922"

    let base: String

    init(_ simulator: Simulator) throws { base = try #require(simulator.baseURL) }

    func call(
        _ method: Method,
        _ path: String,
        _ body: String? = nil,
        headers: [String: String] = ["authorization": "Bearer token", "content-type": "application/json"],
        timeout: Duration = .seconds(60)
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: base + path)
        request.method = HTTPMethod(rawValue: method.rawValue)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body { request.body = .bytes(ByteBuffer(string: body)) }
        let response = try await HTTPClient.shared.execute(request, timeout: TimeAmount(timeout))
        let data = Data(try await response.body.collect(upTo: 1 << 20).readableBytesView)
        return Answer(
            status: Int(response.status.code),
            retryAfter: response.headers.first(name: "retry-after"),
            usage: response.headers.first(name: "x-business-use-case-usage"),
            body: data
        )
    }

    func post(_ body: String, sender: String = Caller.sender, timeout: Duration = .seconds(60)) async throws -> Answer {
        try await call(.POST, "/v23.0/\(sender)/messages", body, timeout: timeout)
    }

    /// Sends a text with `callback` as its correlation data.
    func text(
        to number: String,
        callback: String = "c",
        sender: String = Caller.sender,
        timeout: Duration = .seconds(60)
    ) async throws -> Answer {
        try await post(Self.text(to: number, callback: callback), sender: sender, timeout: timeout)
    }

    static func text(to number: String, callback: String = "c") -> String {
        """
        {"messaging_product":"whatsapp","to":"\(number)","type":"text","text":{"body":"hi"},\
        "biz_opaque_callback_data":"\(callback)"}
        """
    }

    /// The `index`-th of many numbers.
    static func number(_ index: Int) -> String { "+55119\(10_000_000 + index)" }
}

/// Polls until `condition` holds, for at most ten seconds.
func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
    let end = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < end {
        if try await condition() { return true }
        try await Task.sleep(for: .milliseconds(5))
    }
    return try await condition()
}

/// A path for a file that no other test uses, removed afterwards.
func withTemporaryPath(_ body: (String) async throws -> Void) async throws {
    let path = NSTemporaryDirectory() + "simulator-\(UUID().uuidString).jsonl"
    // A test that never wrote the file has nothing to remove.
    defer { try? FileManager.default.removeItem(atPath: path) }
    try await body(path)
}
