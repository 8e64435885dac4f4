import Crypto
import Foundation
import HTTPTypes
import JSON
import NIOCore
import NIOFoundationCompat
import Spec

/// Signed requests, for callers that cannot mint access tokens.
///
/// `X-Campaigns-Signature: t=<seconds since 1970>,v1=<hex>` with HMAC-SHA-256, by the tenant's own secret, over
/// `<t>.<tenant>.<event>.<body>`; the tenant stands in `X-Campaigns-Tenant`.
struct TriggerSignature: Sendable {
    /// How far the clocks of caller and server may be apart; older requests are somebody's recording.
    static let tolerance: TimeInterval = 300

    let tenant: String
    let time: Int
    let code: [UInt8]

    /// Reads the headers; `nil` if they are not there or make no sense.
    init?(_ headers: HTTPFields) {
        guard let tenant = headers[.campaignsTenant], let text = headers[.campaignsSignature] else { return nil }
        var parts: [Substring: Substring] = [:]
        for part in text.split(separator: ",") {
            guard let equals = part.firstIndex(of: "=") else { return nil }
            parts[part[..<equals]] = part[part.index(after: equals)...]
        }
        guard let time = parts["t"].flatMap({ Int($0) }), let code = parts["v1"].flatMap(WebhookSignature.code(hex:))
        else {
            return nil
        }
        (self.tenant, self.time, self.code) = (tenant, time, code)
    }

    /// Whether it is the secret's, over exactly these bytes, and of this time.
    func isValid(for body: ByteBuffer, event: String, secret: String, now: Date) -> Bool {
        var signed = Data("\(time).\(tenant).\(event).".utf8)
        signed.append(contentsOf: body.readableBytesView)
        let key = SymmetricKey(data: Data(secret.utf8))
        // The comparison takes the same time wherever the codes differ.
        let isAuthentic = HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: signed, using: key)
        return isAuthentic && abs(now.timeIntervalSince1970 - Double(time)) <= Self.tolerance
    }

    /// The signature as the caller wrote it: a recording has the same one.
    var text: String { code.hexText }
}
