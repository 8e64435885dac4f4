import Crypto
import Foundation
package import Hummingbird
package import Logging
package import Runtime

/// Where WhatsApp reports: `GET` proves that the address is ours, `POST` brings statuses and messages.
package struct WebhookRoutes: Sendable {
    /// WhatsApp sends up to 3 MB.
    static let largestBody = 3 * 1024 * 1024

    let intake: StatusIntake
    /// `nil` refuses all webhooks: without it nobody can tell who sent them.
    let signature: WebhookSignature?
    let verifyToken: String?
    let logger: Logger

    package init(intake: StatusIntake, appSecret: String?, verifyToken: String?, logger: Logger) {
        self.intake = intake
        signature = appSecret.map(WebhookSignature.init(appSecret:))
        self.verifyToken = verifyToken
        self.logger = logger
    }

    package func add(to router: Router<APIContext>) {
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
        guard let signature else {
            logger.warning("A webhook is refused: WHATSAPP_APP_SECRET is not set")
            return Response(status: .serviceUnavailable)
        }
        guard signature.isValid(request.headers[.hubSignature], for: body) else {
            return Response(status: .unauthorized)
        }
        let reports: ChannelReports
        do {
            reports = try WhatsAppChannel.reports(in: body.readableBytesView, receivedAt: Date())
        } catch {
            logger.warning("A signed webhook cannot be read", metadata: ["error": "\(error)"])
            return Response(status: .badRequest)
        }
        do {
            try await intake.take(reports)
        } catch {
            // Anything but 200 makes WhatsApp send it again; the intake has logged why.
            return Response(status: .serviceUnavailable)
        }
        return Response(status: .ok)
    }

    /// Compares by digest, so that the time taken says nothing about the token.
    private static func isSame(_ one: String, _ other: String) -> Bool {
        SHA256.hash(data: Data(one.utf8)) == SHA256.hash(data: Data(other.utf8))
    }
}
