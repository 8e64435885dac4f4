import AsyncHTTPClient
import Crypto
import Foundation
import NIOCore
import NIOHTTP1
import Settings

/// Calls our own webhook from outside, as WhatsApp does: its verification, and a signed webhook about nothing.
struct WebhookProbe: Sendable {
    /// The path of the webhook below the address of the daemon.
    static let path = "/webhooks/whatsapp"
    /// A webhook without entries: it is verified, read and has no effect.
    static let payload = #"{"object":"whatsapp_business_account","entry":[]}"#
    private static let deadline = Duration.seconds(10)

    /// Has the address of the daemon from outside.
    let client: GraphClient
    /// The key of signatures; `nil` if it is not set.
    let secret: String?
    /// The token of the verification; `nil` if it is not set.
    let verifyToken: String?

    /// Returns what both calls say.
    func findings() async -> [Finding] { [await wayIn(), await verification()] }

    private func wayIn() async -> Finding {
        let subject = client.url + Self.path
        guard let secret else {
            return Finding(.wayIn, subject, .unknown, "not called, because there is no app secret to sign with")
        }
        var request = HTTPClientRequest(url: subject)
        request.method = .POST
        request.headers = ["Content-Type": "application/json", "X-Hub-Signature-256": Self.signature(secret)]
        request.body = .bytes(ByteBuffer(string: Self.payload))
        switch await client.status(of: request, within: Self.deadline) {
        case .success((200, _)): return Finding(.wayIn, subject, .ok, "a signed webhook from here was taken")
        case .success((let status, _)):
            return Finding(.wayIn, subject, .fail, "HTTP \(status)", remedy: Self.remedy(status))
        case .failure(let error):
            return Finding(.wayIn, subject, .fail, error.words(of: client.url), remedy: Self.unreachable)
        }
    }

    private func verification() async -> Finding {
        let subject = client.url + Self.path
        guard let verifyToken else {
            return Finding(
                .verification,
                subject,
                .warn,
                "WHATSAPP_VERIFY_TOKEN is not set, so WhatsApp cannot verify the address",
                remedy: "set it here and at the daemon, to the text that the app has under WhatsApp > Configuration"
            )
        }
        let challenge = "\(UInt32.random(in: 1 ... .max))"
        let query = ["hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": verifyToken]
        let request = HTTPClientRequest(url: subject + GraphClient.text(of: query))
        switch await client.status(of: request, within: Self.deadline) {
        case .success((200, challenge)): return Finding(.verification, subject, .ok, "the address can be verified")
        case .success((403, _)):
            return Finding(
                .verification,
                subject,
                .fail,
                "HTTP 403",
                remedy: "give the daemon the same WHATSAPP_VERIFY_TOKEN as here"
            )
        case .success((let status, _)):
            return Finding(
                .verification,
                subject,
                .fail,
                "HTTP \(status), without the challenge",
                remedy: Self.remedy(status)
            )
        case .failure(let error):
            return Finding(.verification, subject, .fail, error.words(of: client.url), remedy: Self.unreachable)
        }
    }

    private static let unreachable =
        "check PUBLIC_URL, the DNS name, the certificate and the proxy in front of the daemon"

    private static func remedy(_ status: Int) -> String {
        switch status {
        case 300..<400: "name the final address in PUBLIC_URL: WhatsApp follows no redirects"
        case 401: "give the daemon the same WHATSAPP_APP_SECRET as here, and let the proxy pass X-Hub-Signature-256 on"
        case 404, 405: "let the proxy pass \(path) to the daemon, and check PUBLIC_URL"
        case 503: "set WHATSAPP_APP_SECRET at the daemon, and look at its log"
        default: "look at the logs of the proxy and the daemon"
        }
    }

    private static func signature(_ secret: String) -> String {
        let code = HMAC<SHA256>.authenticationCode(
            for: Data(payload.utf8),
            using: SymmetricKey(data: Data(secret.utf8))
        )
        return "sha256=" + code.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

extension GraphClient {
    /// Sends a request that is not the API's, without a token.
    ///
    /// - Returns: The status, and the beginning of the body.
    func status(
        of request: HTTPClientRequest,
        within deadline: Duration
    ) async -> Result<(status: Int, body: String), GraphError> {
        do {
            let response = try await client.execute(request, deadline: .now() + TimeAmount(deadline))
            var body = ByteBuffer()
            for try await part in response.body where body.readableBytes < 4_096 { body.writeImmutableBuffer(part) }
            return .success((Int(response.status.code), String(buffer: body)))
        } catch {
            return .failure(Self.error(of: error))
        }
    }
}
