import Crypto
package import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTPCompression

/// One file of the dashboard, as it is in the binary and compressed.
package struct DashboardAsset: Sendable {
    /// The last part of its address: `now.js` is at `/ui/now.js`.
    package let name: String
    /// The value of `Content-Type`.
    package let mediaType: String
    package let bytes: ByteBuffer
    /// The same, compressed with gzip.
    package let compressed: ByteBuffer
    /// The strong entity tag, with its quotes; it changes with the content.
    package let tag: String
    /// The entity tag of the compressed form.
    package let compressedTag: String

    private init(_ name: String, _ bytes: [UInt8]) {
        self.name = name
        mediaType = Self.mediaType(of: name)
        self.bytes = ByteBuffer(bytes: bytes)
        compressed = Gzip.compress(self.bytes)
        let digest = SHA256.hash(data: bytes).prefix(12).map { byte in
            let text = String(byte, radix: 16)
            return byte < 16 ? "0" + text : text
        }.joined()
        (tag, compressedTag) = ("\"\(digest)\"", "\"\(digest)-gzip\"")
    }

    private static func mediaType(of name: String) -> String {
        switch name.split(separator: ".").last {
        case "html": "text/html; charset=utf-8"
        case "css": "text/css; charset=utf-8"
        case "js": "text/javascript; charset=utf-8"
        case "svg": "image/svg+xml"
        default: "application/octet-stream"
        }
    }

    /// All files by name; they are compressed once, at the first use.
    package static let all: [String: DashboardAsset] = Dictionary(
        uniqueKeysWithValues: files.map { ($0, DashboardAsset($0, $1)) }
    )

    /// The page that shows everything; its scripts read the address.
    package static let page = DashboardAsset("index.html", PackageResources.index_html)

    /// Every file of `Assets`; a test compares the list with the folder.
    private static let files: [(name: String, bytes: [UInt8])] = [
        ("actions.js", PackageResources.actions_js),
        ("api.js", PackageResources.api_js),
        ("app.js", PackageResources.app_js),
        ("audience.js", PackageResources.audience_js),
        ("calendar.js", PackageResources.calendar_js),
        ("campaign.js", PackageResources.campaign_js),
        ("campaigns.js", PackageResources.campaigns_js),
        ("chart.js", PackageResources.chart_js),
        ("costs.js", PackageResources.costs_js),
        ("dom.js", PackageResources.dom_js),
        ("events.js", PackageResources.events_js),
        ("format.js", PackageResources.format_js),
        ("icon.svg", PackageResources.icon_svg),
        ("index.html", PackageResources.index_html),
        ("messages.js", PackageResources.messages_js),
        ("now.js", PackageResources.now_js),
        ("phone.js", PackageResources.phone_js),
        ("runs.js", PackageResources.runs_js),
        ("sign-in.js", PackageResources.sign_in_js),
        ("spec.js", PackageResources.spec_js),
        ("specs.js", PackageResources.specs_js),
        ("states.js", PackageResources.states_js),
        ("style.css", PackageResources.style_css),
        ("triggers.js", PackageResources.triggers_js),
        ("wallet.js", PackageResources.wallet_js),
    ]

    /// The addresses below `/ui` that show ``page``, beside `/ui` itself and `/ui/campaigns/{name}`.
    package static let pages = ["campaigns", "calendar", "specs", "triggers", "audience", "wallet"]
}

/// Compresses bytes with the compressor of NIO, which works on responses in a channel.
private enum Gzip {
    /// Returns the bytes in the format of gzip (RFC 1952).
    static func compress(_ bytes: ByteBuffer) -> ByteBuffer {
        let channel = EmbeddedChannel(handler: HTTPResponseCompressor())
        let request = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/", headers: ["accept-encoding": "gzip"])
        do {
            try channel.writeInbound(HTTPServerRequestPart.head(request))
            // The channel writes what belongs together at the flush, so the body is compressed as a whole.
            channel.write(HTTPServerResponsePart.head(.init(version: .http1_1, status: .ok)), promise: nil)
            channel.write(HTTPServerResponsePart.body(.byteBuffer(bytes)), promise: nil)
            try channel.writeAndFlush(HTTPServerResponsePart.end(nil)).wait()
            var compressed = ByteBuffer()
            while let part = try channel.readOutbound(as: HTTPServerResponsePart.self) {
                if case .body(.byteBuffer(var body)) = part { compressed.writeBuffer(&body) }
            }
            _ = try channel.finish()
            return compressed
        } catch {
            preconditionFailure("an embedded channel neither loses parts nor fails: \(error)")
        }
    }
}
