import Crypto
import Foundation
import HTTPTypes
import Hummingbird
import JSON
package import Logging
import NIOCore
import NIOFoundationEssentialsCompat
package import Runtime
package import Settings
import Spec
import Synchronization

/// WhatsApp's webhook: `GET` verifies the address, `POST` receives delivery statuses and incoming messages.
package struct WebhookEndpoints: Sendable {
    /// Maximum size of a webhook in bytes; WhatsApp sends up to 3 MB.
    static let largestBody = 3 * 1024 * 1024
    private static let path = "/webhooks/whatsapp"

    let intake: StatusIntake
    private let forwarding: WebhookForwarding
    /// `nil` refuses all webhooks, because their sender cannot be verified.
    private let signature: CurrentSignature?
    let verifyToken: String?
    let logger: Logger
    private let refusals = RefusalLog()

    package init(
        intake: StatusIntake,
        forwarding: WebhookForwarding,
        appSecret: Reloadable<String>?,
        verifyToken: String?,
        logger: Logger
    ) {
        self.intake = intake
        self.forwarding = forwarding
        signature = appSecret.map(CurrentSignature.init(appSecret:))
        self.verifyToken = verifyToken
        self.logger = logger
    }

    var all: [Endpoint] { [verification, webhook] }

    private var verification: Endpoint {
        Endpoint(
            method: .get,
            path: Self.path,
            name: "verifyWebhook",
            tag: "service",
            summary: "Verify the address of the webhook for WhatsApp",
            access: .open,
            query: [
                QueryParameter("hub.mode", .text(0...100), "Always `subscribe`."),
                QueryParameter("hub.challenge", .text(0...1_000), "The text to answer with."),
                QueryParameter("hub.verify_token", .text(0...1_000), "The value of WHATSAPP_VERIFY_TOKEN."),
            ],
            responses: [
                Endpoint.ResponseShape(
                    status: .ok,
                    description: "The challenge.",
                    content: [.init(mediaType: "text/plain", shape: .text(0...1_000), example: "1158201444")]
                ),
                Endpoint.ResponseShape(status: .forbidden, description: "Wrong or missing `hub.verify_token`."),
            ],
            handle: .raw { request, _ in verify(request) }
        )
    }

    private var webhook: Endpoint {
        Endpoint(
            method: .post,
            path: Self.path,
            name: "receiveWebhook",
            tag: "service",
            summary: "Receive delivery statuses and messages from WhatsApp",
            details: "Signed with WHATSAPP_APP_SECRET in the header X-Hub-Signature-256.",
            access: .open,
            responses: [
                Endpoint.ResponseShape(status: .ok, description: "Everything in the webhook is stored."),
                Endpoint.ResponseShape(status: .badRequest, description: "The body cannot be read."),
                Endpoint.ResponseShape(status: .unauthorized, description: "The signature is missing or wrong."),
                Endpoint.ResponseShape(status: .contentTooLarge, description: "The body has more than 3 MiB."),
                Endpoint.ResponseShape(status: .serviceUnavailable, description: "Not stored; send the webhook again."),
            ],
            handle: .raw { request, _ in try await receive(request) }
        )
    }

    private func verify(_ request: Request) -> Response {
        let query = request.uri.queryParameters
        guard let verifyToken, query["hub.mode"] == "subscribe", let challenge = query["hub.challenge"],
            let token = query["hub.verify_token"], Self.isSame(String(token), verifyToken)
        else {
            let advice = verifyToken == nil ? "WHATSAPP_VERIFY_TOKEN is not set" : "compare WHATSAPP_VERIFY_TOKEN"
            refusals.note("Verification of the webhook's address refused: \(advice)", to: logger)
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
        guard let signature = signature?.value else {
            refusals.note("Webhook refused: WHATSAPP_APP_SECRET is not set", to: logger)
            return Response(status: .serviceUnavailable)
        }
        guard signature.isValid(request.headers[.hubSignature], for: body) else {
            refusals.note(
                request.headers[.hubSignature] == nil
                    ? "Webhook refused, it has no signature: check that the proxy passes X-Hub-Signature-256 on"
                    : "Webhook refused, its signature is wrong: check that WHATSAPP_APP_SECRET is the secret of the app that "
                        + "sends it, and that the proxy does not change the body",
                ["bytes": "\(body.readableBytes)"],
                to: logger
            )
            return Response(status: .unauthorized)
        }
        let reports: ChannelReports
        do {
            reports = try WhatsAppChannel.reports(in: body.readableBytesView, receivedAt: Date())
        } catch {
            logger.warning("Webhook refused, its body is unreadable", metadata: ["error": "\(error)"])
            return Response(status: .badRequest)
        }
        do {
            try await forwarding.take(from: reports.sources, signature: request.headers[.hubSignature] ?? "") {
                Data(body.readableBytesView)
            }
            try await intake.take(reports)
        } catch {
            // WhatsApp sends the webhook again after any answer but 200; the services have logged the error.
            return Response(status: .serviceUnavailable)
        }
        return Response(status: .ok)
    }

    /// Compares digests, so that the time taken reveals nothing of the token.
    private static func isSame(_ one: String, _ other: String) -> Bool {
        SHA256.hash(data: Data(one.utf8)) == SHA256.hash(data: Data(other.utf8))
    }
}

/// The signature by the current secret, which is keyed once and not for every webhook.
private final class CurrentSignature: Sendable {
    private let appSecret: Reloadable<String>
    private let keyed: Mutex<(secret: String, signature: WebhookSignature)>

    init(appSecret: Reloadable<String>) {
        self.appSecret = appSecret
        let secret = appSecret.value
        keyed = Mutex((secret, WebhookSignature(appSecret: secret)))
    }

    var value: WebhookSignature {
        let secret = appSecret.value
        return keyed.withLock { keyed in
            if keyed.secret != secret { keyed = (secret, WebhookSignature(appSecret: secret)) }
            return keyed.signature
        }
    }
}

/// The signature of webhooks: `X-Hub-Signature-256`, an HMAC-SHA-256 over the bytes of the body.
struct WebhookSignature: Sendable {
    private static let scheme = "sha256="

    /// Already keyed, which saves half the work for a small webhook.
    private let hmac: HMAC<SHA256>

    init(appSecret: String) {
        hmac = HMAC<SHA256>(key: SymmetricKey(data: Data(appSecret.utf8)))
    }

    /// Checks `sha256=<hex>` in constant time.
    func isValid(_ signature: String?, for body: ByteBuffer) -> Bool {
        guard let signature, signature.hasPrefix(Self.scheme),
            let code = Self.code(hex: signature.dropFirst(Self.scheme.count))
        else { return false }
        var hmac = hmac
        hmac.update(data: body.readableBytesView)
        return hmac.finalize() == code
    }

    /// Returns the bytes of an HMAC-SHA-256 in hexadecimal digits; `nil` for any other text.
    static func code(hex: Substring) -> [UInt8]? {
        guard hex.utf8.count == 64 else { return nil }
        var code: [UInt8] = []
        code.reserveCapacity(32)
        var high: UInt8?
        for character in hex.utf8 {
            guard let digit = UInt8(hexDigit: character) else { return nil }
            if let first = high { code.append(first << 4 | digit) }
            high = high == nil ? digit : nil
        }
        return code
    }
}

extension HTTPField.Name {
    fileprivate static let hubSignature = HTTPField.Name("X-Hub-Signature-256") ?? .authorization
}
