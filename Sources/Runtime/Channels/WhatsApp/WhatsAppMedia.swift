import Foundation
import JSON
import NIOCore
import NIOHTTP1
package import OneShotHTTP
import Settings

/// A file for one business number.
package struct MediaUpload: Sendable {
    /// The time that an upload may take.
    static let timeout = Duration.seconds(120)

    let number: String
    let token: AccessToken
    let digest: String
    let type: String
    let bytes: [UInt8]
}

/// The answer to an upload.
package enum UploadAnswer: Hashable, Sendable {
    /// The number can send the file under this id.
    case stored(id: String)
    /// Another attempt would not help.
    case refused(String)
    /// Another attempt may help; the file may have been stored under an id that is not known.
    case failed(String)
}

/// A way to give files to a provider before messages name them.
package protocol MediaChannel: Sendable {
    func upload(_ upload: MediaUpload) async -> UploadAnswer
}

/// Uploads files to WhatsApp, on connections of their own: messages must not wait behind them.
package struct WhatsAppMedia: MediaChannel {
    private let poster: HTTPPoster
    private let basePath: String

    /// Makes an uploader with connections of its own; ``shutdown()`` must follow.
    ///
    /// - Throws: ``ConfigurationError`` when `url` is not an address of a server, and NIOSSL's errors when no certificate
    ///   authorities can be loaded.
    package init(url: String, outbound: OutboundSettings = OutboundSettings()) async throws {
        let api = try WhatsAppAPI(url: url)
        var configuration = HTTPPosterConfiguration(
            connectTimeout: .seconds(5),
            requestTimeout: MediaUpload.timeout,
            connections: 2
        )
        configuration.proxy = outbound.proxy(for: api.origin)
        if api.origin.isSecure, let path = outbound.certificateFile { try configuration.trust(certificatesIn: path) }
        poster = try await HTTPPoster.make(for: api.origin, configuration: configuration)
        basePath = api.basePath
    }

    /// Closes the connections.
    package func shutdown() async { await poster.shutdown() }

    package func upload(_ upload: MediaUpload) async -> UploadAnswer {
        let boundary = "campaigns-\(upload.digest.prefix(32))"
        let outcome = await poster.post(
            PostRequest(
                path: "\(basePath)/\(upload.number)/media",
                headers: [
                    "Authorization": "Bearer \(upload.token.value)",
                    "Content-Type": "multipart/form-data; boundary=\(boundary)",
                ],
                body: Self.form(upload, boundary: boundary)
            )
        )
        switch outcome {
        case .notWritten(let reason), .lost(let reason): return .failed(reason)
        case .expired: return .failed("no connection was free")
        case .answered(let answer): return Self.answer(answer)
        }
    }

    private static func form(_ upload: MediaUpload, boundary: String) -> ByteBuffer {
        var body = ByteBuffer()
        body.reserveCapacity(upload.bytes.count + 1_024)
        for (name, value) in [("messaging_product", "whatsapp"), ("type", upload.type)] {
            body.writeString("--\(boundary)\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n\(value)\r\n")
        }
        let name = "\(upload.digest.prefix(16))"
        body.writeString(
            "--\(boundary)\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\(name)\"\r\n"
                + "Content-Type: \(upload.type)\r\n\r\n"
        )
        body.writeBytes(upload.bytes)
        body.writeString("\r\n--\(boundary)--\r\n")
        return body
    }

    private static func answer(_ answer: PostAnswer) -> UploadAnswer {
        let json = try? JSONValue(parsing: answer.body.readableBytesView, isLenient: true)
        if (200..<300).contains(answer.status) {
            guard let id = json?["id"], let text = id.stringValue ?? id.integerValue.map(String.init), !text.isEmpty
            else { return .failed("HTTP \(answer.status) without an id") }
            return .stored(id: text)
        }
        guard
            case .refused(let refusal) = WhatsAppChannel.answer(
                status: answer.status,
                headers: answer.headers,
                body: answer.body,
                isWhole: answer.isWhole
            )
        else { return .failed("HTTP \(answer.status)") }
        let problem = refusal.code.map { "\($0): \(refusal.message)" } ?? refusal.message
        let text = refusal.hint.map { "\(problem); \($0)" } ?? problem
        switch refusal.errorClass {
        case .permanent, .systemic, .optOut, .userCap: return .refused(text)
        case .rateLimit, .pairRateLimit, .retryable, .ambiguous: return .failed(text)
        }
    }
}
