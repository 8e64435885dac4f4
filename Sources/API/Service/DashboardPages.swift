import AccessTokens
import Dashboard
import HTTPTypes
import Hummingbird
import JSON
import NIOCore

/// Serves the dashboard at `/ui`: files of the binary, which need no token, as they hold no data.
///
/// The pages read everything from the API with the token of the viewer. They are no part of the API, so the OpenAPI
/// document does not list them.
struct DashboardPages: Sendable {
    /// The identity provider at which people sign in; `nil` without one.
    let signIn: SignIn?
    private let contentSecurityPolicy: String

    init(signIn: SignIn?) {
        self.signIn = signIn
        // Only own scripts, styles and requests, nothing inline; no other site may show the page in a frame. The code of a
        // sign-in is exchanged by the page, so it may also send requests to the provider. Pictures of messages need a token, so
        // the page requests them, and shows what it has.
        let connections = ["'self'"] + (signIn.map { [$0.issuer.origin] } ?? [])
        contentSecurityPolicy = [
            "default-src 'none'", "script-src 'self'", "style-src 'self'",
            "connect-src \(connections.joined(separator: " "))", "img-src 'self' blob: data:", "base-uri 'none'",
            "form-action 'none'", "frame-ancestors 'none'",
        ].joined(separator: "; ")
    }

    var all: [Endpoint] {
        let pages = ["/ui", "/ui/campaigns/{name}"] + DashboardAsset.pages.map { "/ui/\($0)" }
        return pages.map { path in endpoint(path) { request, _ in response(.page, to: request) } } + [
            endpoint("/ui/{file}") { request, context in
                guard let asset = context.parameters.get("file").flatMap({ DashboardAsset.all[$0] }) else {
                    throw Problem.notFound("address")
                }
                return response(asset, to: request)
            },
            endpoint("/ui/sign-in") { _, _ in
                var headers = headers
                headers[.cacheControl] = "no-store"
                headers[.contentType] = "application/json"
                let body = ByteBuffer(string: JSONValue.object(signIn?.page ?? [:]).canonicalText)
                return Response(status: .ok, headers: headers, body: .init(byteBuffer: body))
            },
        ]
    }

    private func endpoint(
        _ path: String,
        _ handle: @escaping @Sendable (Request, APIContext) async throws -> Response
    ) -> Endpoint {
        Endpoint(
            method: .get,
            path: path,
            name: "getDashboard",
            tag: "service",
            summary: "Get a file of the dashboard",
            access: .open,
            pathShapes: ["name": .text(upTo: 255), "file": .text(upTo: 255)],
            responses: [],
            handle: .raw(handle)
        )
    }

    /// The headers of every answer.
    private var headers: HTTPFields {
        var headers: HTTPFields = [.contentSecurityPolicy: contentSecurityPolicy, .xContentTypeOptions: "nosniff"]
        for (name, value) in Self.isolation { headers[name] = value }
        return headers
    }

    private func response(_ asset: DashboardAsset, to request: Request) -> Response {
        let isCompressed = Self.accepts(gzip: request.headers[.acceptEncoding])
        let tag = isCompressed ? asset.compressedTag : asset.tag
        var headers = headers
        // A new version of the daemon is seen at once, and an unchanged file costs an empty answer.
        headers[.cacheControl] = "no-cache"
        headers[.eTag] = tag
        headers[.vary] = "Accept-Encoding"
        let known = request.headers[.ifNoneMatch].map(Self.tags(in:)) ?? []
        guard !known.contains(asset.tag), !known.contains(asset.compressedTag), !known.contains("*") else {
            return Response(status: .notModified, headers: headers)
        }
        headers[.contentType] = asset.mediaType
        if isCompressed { headers[.contentEncoding] = "gzip" }
        return Response(
            status: .ok,
            headers: headers,
            body: .init(byteBuffer: isCompressed ? asset.compressed : asset.bytes)
        )
    }

    /// Headers that the library has no names for.
    private static let isolation: [(HTTPField.Name, String)] = [
        ("Referrer-Policy", "no-referrer"), ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    ].compactMap { name, value in HTTPField.Name(name).map { ($0, value) } }

    /// Returns the tags of `If-None-Match`, which compares them weakly.
    private static func tags(in header: String) -> [String] {
        header.split(separator: ",").map { text in
            let tag = text.drop { $0 == " " }
            return String((tag.hasPrefix("W/") ? tag.dropFirst(2) : tag).prefix { $0 != " " })
        }
    }

    /// Returns true if the caller takes gzip (RFC 9110, 12.5.3).
    static func accepts(gzip header: String?) -> Bool {
        var isAccepted = false
        for item in (header ?? "").lowercased().split(separator: ",") {
            let parts = item.split(separator: ";").map { $0.filter { !$0.isWhitespace } }
            let isRefused = parts.dropFirst().contains { $0.hasPrefix("q=") && Double($0.dropFirst(2)) == 0 }
            switch parts.first {
            case "gzip", "x-gzip": return !isRefused
            case "*": isAccepted = !isRefused
            default: break
            }
        }
        return isAccepted
    }
}

extension SignIn {
    /// The facts that a page needs: the addresses of the provider, or why nobody can sign in now.
    fileprivate var page: [String: JSONValue] {
        guard obstacle == nil, let metadata else { return ["problem": .string(obstacle ?? "")] }
        var fields: [String: JSONValue] = [
            "issuer": .string(issuer.text), "clientId": .string(clientID),
            "authorizationEndpoint": .string(metadata.authorizationEndpoint.text),
            "tokenEndpoint": .string(metadata.tokenEndpoint.text),
        ]
        fields["endSessionEndpoint"] = metadata.endSessionEndpoint.map { .string($0.text) }
        return fields
    }
}
