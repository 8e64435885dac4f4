import Crypto
import Foundation
import Hummingbird
import Logging
import NIOFoundationCompat
import NIOFoundationEssentialsCompat

/// Where WhatsApp reports: `GET` proves that the address is ours, `POST` brings statuses and messages.
struct WebhookRoutes: Sendable {
    /// WhatsApp sends up to 3 MB.
    static let largestBody = 3 * 1024 * 1024

    let intake: StatusIntake
    /// `nil` refuses all webhooks: without it nobody can tell who sent them.
    let appSecret: String?
    let verifyToken: String?
    let logger: Logger

    func add(to router: Router<APIContext>) {
        router.get("/webhooks/whatsapp") { request, _ in verify(request) }
        router.post("/webhooks/whatsapp") { request, _ in try await receive(request) }
    }

    private func verify(_ request: Request) -> Response {
        let query = request.uri.queryParameters
        guard let verifyToken, query["hub.mode"] == "subscribe", let challenge = query["hub.challenge"],
            let token = query["hub.verify_token"], Self.isSame(String(token), verifyToken)
        else {
            return Response(status: .forbidden)
        }
        return Response(
            status: .ok,
            headers: [.contentType: "text/plain"],
            body: .init(byteBuffer: ByteBuffer(string: String(challenge)))
        )
    }

    private func receive(_ request: Request) async throws -> Response {
        let body = try await request.body.collect(upTo: Self.largestBody)
        guard let appSecret else {
            logger.warning("A webhook is refused: WHATSAPP_APP_SECRET is not set")
            return Response(status: .serviceUnavailable)
        }
        guard Self.isSigned(body, by: appSecret, signature: request.headers[.hubSignature]) else {
            return Response(status: .unauthorized)
        }
        let payload: WebhookPayload
        do {
            payload = try WebhookPayload(parsing: body.readableBytesView)
        } catch {
            logger.warning("A signed webhook cannot be read", metadata: ["error": "\(error)"])
            return Response(status: .badRequest)
        }
        do {
            let now = Date()
            try await intake.take(payload.deliveryStatuses(receivedAt: now), payload.inboundReport(receivedAt: now))
        } catch {
            // Anything but 200 makes WhatsApp send it again; the intake has logged why.
            return Response(status: .serviceUnavailable)
        }
        return Response(status: .ok)
    }

    /// Checks `sha256=<hex>` against the raw bytes, in constant time.
    static func isSigned(_ body: ByteBuffer, by secret: String, signature: String?) -> Bool {
        guard let signature, signature.hasPrefix("sha256="), let code = Self.code(hex: signature.dropFirst(7)) else {
            return false
        }
        return HMAC<SHA256>.isValidAuthenticationCode(
            code,
            authenticating: body.readableBytesView,
            using: SymmetricKey(data: Data(secret.utf8))
        )
    }

    /// The bytes of an HMAC-SHA-256 in hexadecimal digits; `nil` if it is none.
    static func code(hex: Substring) -> [UInt8]? {
        guard hex.utf8.count == 64 else { return nil }
        var code: [UInt8] = []
        code.reserveCapacity(32)
        var high: UInt8?
        for character in hex.utf8 {
            guard let digit = Self.digit(character) else { return nil }
            if let first = high { code.append(first << 4 | digit) }
            high = high == nil ? digit : nil
        }
        return code
    }

    private static func digit(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// Compares by digest, so that the time taken says nothing about the token.
    private static func isSame(_ one: String, _ other: String) -> Bool {
        SHA256.hash(data: Data(one.utf8)) == SHA256.hash(data: Data(other.utf8))
    }
}
