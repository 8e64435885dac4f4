import Crypto
import Foundation
import JSON
import NIOCore
import NIOHTTP1
import OneShotHTTP
import Spec
package import Store

/// The receiver of a post, with its references resolved: how a request to it is made and signed.
package struct NotificationTarget: Sendable {
    /// The reason why nothing can be posted; it holds neither the address nor the secret.
    struct Problem: Error, CustomStringConvertible {
        let description: String
    }

    let origin: HTTPOrigin
    private let path: String
    private let key: SymmetricKey?
    private let format: TenantSpec.Notify.Format

    /// Resolves the references.
    init(_ target: NotificationPost.Target, tokens: TokenResolver) throws(Problem) {
        let isReference = SecretReference(target.url) != nil
        let url = isReference ? try Self.resolve(target.url, of: "url", tokens) : target.url
        let place = isReference ? "the address in \(target.url)" : "notify.url"
        guard let parts = URLComponents(string: url), let origin = HTTPOrigin(url: url), parts.user == nil else {
            throw Problem(description: "\(place) is no https address")
        }
        guard origin.isSecure || ["localhost", "127.0.0.1", "::1"].contains(origin.host) else {
            throw Problem(description: "\(place) begins with http: only https is posted to, except on this machine")
        }
        self.origin = origin
        let query = parts.percentEncodedQuery.map { "?\($0)" } ?? ""
        path = (parts.percentEncodedPath.isEmpty ? "/" : parts.percentEncodedPath) + query
        key = try target.secret.map { (reference) throws(Problem) in
            SymmetricKey(data: Data(try Self.resolve(reference, of: "secret", tokens).utf8))
        }
        format = target.format
        guard format == .slack || key != nil else {
            throw Problem(description: "notify.secret is missing, and posts of the format json are signed")
        }
    }

    /// Returns the reason why nothing could be posted to a target now; `nil` if it could.
    package static func problem(with target: NotificationPost.Target, tokens: TokenResolver) -> String? {
        do throws(Problem) {
            _ = try NotificationTarget(target, tokens: tokens)
            return nil
        } catch {
            return error.description
        }
    }

    private static func resolve(
        _ reference: String,
        of field: String,
        _ tokens: TokenResolver
    ) throws(Problem) -> String {
        do throws(TokenError) {
            return try tokens.token(for: reference).value
        } catch {
            throw Problem(description: "notify.\(field): \(error.problem)")
        }
    }

    /// Makes the request of a post.
    ///
    /// `X-Campaigns-Signature` is `sha256=` and the HMAC, keyed with the secret, over `<timestamp>.<body>`.
    func request(for post: NotificationPost, at now: Date) -> PostRequest {
        let text = NotificationText(post: post)
        let body = (format == .slack ? text.slack : text.json).canonicalText
        var headers: HTTPHeaders = [
            "Content-Type": "application/json", "User-Agent": "campaignd",
            "X-Campaigns-Id": post.id.uuidString.lowercased(),
        ]
        if let key {
            let time = String(Int(now.timeIntervalSince1970))
            let code = HMAC<SHA256>.authenticationCode(for: Data("\(time).\(body)".utf8), using: key)
            headers.add(name: "X-Campaigns-Timestamp", value: time)
            headers.add(name: "X-Campaigns-Signature", value: "sha256=" + code.hexText)
        }
        return PostRequest(path: path, headers: headers, body: ByteBuffer(string: body))
    }
}
