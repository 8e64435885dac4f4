import AccessTokens
import JSON
import Postgres
import TestSupport
import Testing

@testable import API

/// Files beside the specs over HTTP: to their tenant, and only pictures as bytes.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct MediaEndpointTests {
    private static let digest = String(repeating: "ab", count: 32)
    private static let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + Array("rest".utf8)

    private static func store(
        _ bytes: [UInt8],
        type: String,
        path: String? = "acme/images/spring.png",
        _ api: APIFixture
    ) async throws {
        try await api.pool.execute(
            """
            INSERT INTO media ("tenantId", digest, type, bytes, path) VALUES ('acme', \(digest), \(type), \(bytes), \(path))
            """
        )
    }

    @Test func showsAPictureToItsTenant() async throws {
        try await APIFixture.with { api in
            try await Self.store(Self.png, type: "image/png", api)
            let facts = try await api.call("GET", "/media/\(Self.digest)", scopes: [.read])
            #expect(facts.json == ["type": "image/png", "bytes": 12, "path": "acme/images/spring.png"])
            let reply = try await api.call("GET", "/media/\(Self.digest)/image", scopes: [.read])
            #expect(reply.status == 200 && reply.header("Content-Type") == "image/png")
            #expect(reply.text.hasSuffix("rest"))
            #expect(reply.header("X-Content-Type-Options") == "nosniff")
            #expect(reply.header("Content-Security-Policy")?.hasPrefix("default-src 'none'; sandbox") == true)
            #expect(reply.header("Content-Disposition") == "attachment")
            for path in ["/media/\(Self.digest)", "/media/\(Self.digest)/image"] {
                #expect(try await api.call("GET", path, tenant: "other").status == 404)
                #expect(try await api.call("GET", path, scopes: [.contacts]).status == 403)
                #expect(try await api.send("GET", path).status == 401)
            }
            #expect(try await api.call("GET", "/media/\(String(repeating: "cd", count: 32))").status == 404)
        }
    }

    /// The type is that of the bytes: nothing else comes as a picture, whatever is stored of it.
    @Test(arguments: [
        ("video/mp4", "film", "a film"), ("image/png", "<svg xmlns='http://www.w3.org/2000/svg'/>", "a page"),
        ("application/pdf", "%PDF-1.7", "a document"),
    ])
    func servesNothingButPictures(type: String, text: String, what: String) async throws {
        try await APIFixture.with { api in
            try await Self.store(Array(text.utf8), type: type, path: nil, api)
            #expect(try await api.call("GET", "/media/\(Self.digest)/image").status == 404, "\(what)")
            let facts = try await api.call("GET", "/media/\(Self.digest)").json
            #expect(facts == ["type": .string(type), "bytes": .integer(text.utf8.count)])
        }
    }

    @Test func tellsAJPEGThatIsStoredAsAnotherType() async throws {
        try await APIFixture.with { api in
            try await Self.store([0xFF, 0xD8, 0xFF, 0xE0, 1, 2, 3], type: "image/png", api)
            let reply = try await api.call("GET", "/media/\(Self.digest)/image")
            #expect(reply.header("Content-Type") == "image/jpeg", "\(reply.status)")
        }
    }
}
