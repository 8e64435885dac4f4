import Crypto
import Foundation
import HTTPTypes
import JSON
import NIOCore
import NIOFoundationCompat
package import Settings
import Spec

/// The signature of an event, for callers that cannot make access tokens.
///
/// `X-Campaigns-Signature: t=<seconds since 1970>,v1=<hex>` is an HMAC-SHA-256, keyed with the tenant's secret, over
/// `<t>.<tenant>.<event>.<body>`; `X-Campaigns-Tenant` names the tenant.
struct TriggerSignature: Sendable {
    /// Maximum difference of the clocks of caller and server in seconds; older requests are replays.
    static let tolerance: TimeInterval = 300

    let tenant: String
    let time: Int
    let code: [UInt8]

    /// Reads the headers; `nil` if they are absent or malformed.
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

    /// Checks that the signature was made with the secret, over exactly these bytes, within the tolerance.
    ///
    /// - Returns: What is wrong and what to check, for the log; `nil` for a valid signature.
    func problem(for body: ByteBuffer, event: String, secret: String, now: Date) -> String? {
        var signed = Data("\(time).\(tenant).\(event).".utf8)
        signed.append(contentsOf: body.readableBytesView)
        let key = SymmetricKey(data: Data(secret.utf8))
        // Compares in constant time.
        let isAuthentic = HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: signed, using: key)
        guard isAuthentic else {
            return "Trigger refused, its signature is wrong: check the tenant's secret in TRIGGER_SECRETS, and that "
                + "exactly `<t>.<tenant>.<event or id of the campaign>.<body>` is signed"
        }
        guard abs(now.timeIntervalSince1970 - Double(time)) <= Self.tolerance else {
            return "Trigger refused, its signature is older or newer than 300 s: check the clocks, and that `t` is now"
        }
        return nil
    }

    /// The signature in hexadecimal digits; a replay has the same one.
    var text: String { code.hexText }
}

extension HTTPField.Name {
    /// The tenant of a signed event.
    static let campaignsTenant = HTTPField.Name("X-Campaigns-Tenant") ?? .from

    /// The signature of an event.
    static let campaignsSignature = HTTPField.Name("X-Campaigns-Signature") ?? .authorization
}

/// The secrets with which tenants sign events, from `TRIGGER_SECRETS`.
public struct TriggerSecrets: Sendable {
    /// Minimum length in bytes; a shorter secret could be guessed.
    static let shortestSecret = 32

    /// The secrets by tenant; a file of them can be read again.
    package let secrets: Reloadable<[String: String]>

    /// Reads `tenant:secret,tenant:secret`.
    ///
    /// - Throws: ``ConfigurationError`` that names the tenant, never the secret.
    package init(_ text: String?) throws(ConfigurationError) {
        secrets = Reloadable(try Self.parse(text))
    }

    /// Reads the variable, or the file that it names as `file:/path`, with an entry a line or between commas.
    ///
    /// - Throws: ``ConfigurationError`` that names the tenant, never the secret.
    package init(_ variables: Variables) throws(ConfigurationError) {
        secrets = try Reloadable { () throws(ConfigurationError) in
            try Self.parse(variables.secret("TRIGGER_SECRETS"))
        }
    }

    private static func parse(_ text: String?) throws(ConfigurationError) -> [String: String] {
        var secrets: [String: String] = [:]
        for (index, part) in (text ?? "").split(whereSeparator: { $0 == "," || $0.isNewline }).enumerated() {
            guard let colon = part.firstIndex(of: ":"), colon != part.startIndex else {
                throw .malformed(
                    "TRIGGER_SECRETS",
                    problem:
                        "entry \(index + 1) is not tenant:secret; example: TRIGGER_SECRETS=acme:$(openssl rand -hex 32)"
                )
            }
            let (tenant, secret) = (String(part[..<colon]), String(part[part.index(after: colon)...]))
            guard secret.utf8.count >= Self.shortestSecret else {
                throw .malformed(
                    "TRIGGER_SECRETS",
                    problem:
                        "the secret of `\(tenant)` has \(secret.utf8.count) bytes, and needs \(Self.shortestSecret)"
                )
            }
            guard secrets.updateValue(secret, forKey: tenant) == nil else {
                throw .malformed("TRIGGER_SECRETS", problem: "`\(tenant)` is listed twice; remove one entry")
            }
        }
        return secrets
    }

    /// The secret of a tenant; `nil` if the tenant may not sign.
    subscript(tenant: String) -> String? { secrets.value[tenant] }
}
