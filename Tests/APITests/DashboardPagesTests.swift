import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import API
@testable import Dashboard

/// The files of the dashboard, as the daemon serves them.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct DashboardPagesTests {
    /// The most bytes of all files together, compressed.
    private static let budget = 80 << 10
    private static let page = "text/html; charset=utf-8"

    @Test func servesThePageAtEachOfItsAddresses() async throws {
        try await APIFixture.with { api in
            let addresses =
                ["/ui", "/ui/", "/ui/campaigns/spring%20offer"] + DashboardAsset.pages.map { "/ui/\($0)" }
            for address in addresses {
                let reply = try await api.send("GET", address)
                #expect((reply.status, reply.header("Content-Type")) == (200, Self.page), "\(address)")
                #expect(reply.text == String(buffer: DashboardAsset.page.bytes), "\(address)")
            }
            for address in [
                "/ui/nosuch.js", "/ui/nosuch", "/ui/campaigns/a/b", "/ui/..%2Findex.html", "/uix",
            ] {
                let reply = try await api.send("GET", address)
                #expect((reply.status, reply.code) == (404, "not_found"), "\(address)")
            }
            let change = try await api.send("POST", "/ui")
            #expect((change.status, change.header("Allow")) == (405, "GET, HEAD, OPTIONS"))
        }
    }

    @Test func allowsNothingThatItDoesNotNeed() async throws {
        try await APIFixture.with { api in
            for address in ["/ui", "/ui/index.html"] {
                let reply = try await api.send("GET", address)
                let policy = try #require(reply.header("Content-Security-Policy"))
                #expect(policy.hasPrefix("default-src 'none'; script-src 'self'; style-src 'self'"))
                #expect(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"))
                // Pictures of messages are requested with the token, and shown from memory.
                #expect(policy.contains("img-src 'self' blob: data:"))
                #expect(reply.header("X-Content-Type-Options") == "nosniff")
                #expect(reply.header("Referrer-Policy") == "no-referrer")
                #expect(reply.header("Cross-Origin-Opener-Policy") == "same-origin")
                #expect(reply.header("Cross-Origin-Resource-Policy") == "same-origin")
            }
            let page = String(buffer: DashboardAsset.page.bytes)
            #expect(!page.contains("<style") && !page.contains("style="))
            #expect(
                page.matches(of: /<script(?![^>]*\bsrc=)/).isEmpty,
                "the policy allows no inline script"
            )
            #expect(
                page.matches(of: /(?:src|href)="(?!\/ui\/|#|\/ui")/).isEmpty,
                "addresses begin with /ui/"
            )
        }
    }

    @Test func sendsTheCompressedFormToCallersThatTakeIt() async throws {
        try await APIFixture.with { api in
            for asset in DashboardAsset.all.values {
                let address = "/ui/\(asset.name)"
                // The client decompresses the body.
                let small = try await api.bytes(address, headers: ["Accept-Encoding": "deflate, gzip;q=0.5"])
                #expect(small.header("Content-Encoding") == "gzip" && small.header("Vary") == "Accept-Encoding")
                #expect(small.header("Content-Length") == "\(asset.compressed.readableBytes)", "\(address)")
                #expect(small.body == Array(asset.bytes.readableBytesView), "\(address)")
                #expect(asset.compressed.readableBytesView.starts(with: [0x1F, 0x8B]))
                let plain = try await api.bytes(address, headers: ["Accept-Encoding": "gzip;q=0, *"])
                #expect(plain.header("Content-Encoding") == nil)
                #expect(plain.body == Array(asset.bytes.readableBytesView), "\(address)")
                #expect(plain.header("ETag") != small.header("ETag"))
            }
        }
    }

    @Test func answersThatNothingHasChanged() async throws {
        try await APIFixture.with { api in
            let first = try await api.send("GET", "/ui/index.html")
            let tag = try #require(first.header("ETag"))
            for known in [tag, "W/\(tag)", "\"other\", \(tag)", "*", DashboardAsset.page.compressedTag] {
                let again = try await api.send("GET", "/ui/index.html", headers: ["If-None-Match": known])
                #expect((again.status, again.text) == (304, ""), "\(known)")
                #expect(again.header("ETag") == tag && again.header("Content-Security-Policy") != nil)
            }
            #expect(
                try await api.send("GET", "/ui", headers: ["If-None-Match": "\"other\""]).status == 200
            )
        }
    }

    @Test func canBeSwitchedOff() async throws {
        try await APIFixture.with(servesDashboard: false) { api in
            for address in ["/ui", "/ui/index.html", "/ui/campaigns/x"] {
                let reply = try await api.send("GET", address)
                #expect(reply.status == 404, "\(address)")
            }
        }
    }

    @Test func servesEveryFileOfItsFolderAndNoMoreThanItsBudget() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
            .standardized
        let files = try FileManager.default.contentsOfDirectory(
            atPath: root.appending(path: "Sources/Dashboard/Assets").path
        )
        #expect(Set(DashboardAsset.all.keys) == Set(files), "DashboardAsset.files lists the folder")
        for asset in DashboardAsset.all.values {
            #expect(!asset.mediaType.hasSuffix("octet-stream"), "\(asset.name)")
        }
        let size = DashboardAsset.all.values.reduce(0) { $0 + $1.compressed.readableBytes }
        #expect(size <= Self.budget, "\(size) bytes")
    }
}

extension APIFixture {
    /// Requests an address and returns the body as it was sent.
    fileprivate func bytes(
        _ path: String,
        headers: [String: String]
    ) async throws -> (body: [UInt8], header: (String) -> String?) {
        var request = HTTPClientRequest(url: base + path)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let headers = response.headers
        let body = try await response.body.collect(upTo: 1 << 20)
        return (Array(body.readableBytesView), { headers.first(name: $0) })
    }
}
