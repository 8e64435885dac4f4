import Crypto
import Foundation
import JSON
import NIOCore
import NIOHTTP1
import OneShotHTTP
package import Settings
import Spec
package import Store

/// The receiver of a post, with its references resolved: how a request to it is made and signed.
package struct NotificationTarget: Sendable {
    /// The receiver.
    let url: HookURL
    private let key: SymmetricKey?
    private let format: TenantSpec.Notify.Format

    /// Resolves the references.
    init(_ target: NotificationPost.Target, tokens: TokenResolver) throws(HookURL.Problem) {
        url = try HookURL(target.url, field: "notify.url", tokens: tokens)
        key = try target.secret.map { (reference) throws(HookURL.Problem) in
            SymmetricKey(data: Data(try HookURL.resolve(reference, of: "notify.secret", tokens).utf8))
        }
        format = target.format
        guard format == .slack || key != nil else {
            throw HookURL.Problem(description: "notify.secret is missing, and posts of the format json are signed")
        }
    }

    /// Returns the reason why nothing could be posted to a target now; `nil` if it could.
    package static func problem(with target: NotificationPost.Target, tokens: TokenResolver) -> String? {
        do throws(HookURL.Problem) {
            _ = try NotificationTarget(target, tokens: tokens)
            return nil
        } catch {
            return error.description
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
        return PostRequest(path: url.path, headers: headers, body: ByteBuffer(string: body))
    }
}
