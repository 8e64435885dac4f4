import Foundation
import JSON
import TestBed
import TestSupport
import Testing

@testable import campaignd

/// `campaignd ui` and `campaignd token`: links and tokens with scopes.
struct UICommandTests {
    private static let secret = ["JWT_SECRET": TestToken.secret]

    /// Returns the claims of a token.
    private static func claims(_ token: some StringProtocol) throws -> JSONValue {
        let part = try #require(token.split(separator: ".").dropFirst().first)
        let base64 = String(part.map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 })
        let padded = base64 + String(repeating: "=", count: (4 - base64.count % 4) % 4)
        let data = try #require(Data(base64Encoded: padded))
        return try JSONValue(parsing: String(decoding: data, as: UTF8.self))
    }

    @Test func printsALinkThatMayReadForAnHour() async throws {
        let outcome = try await Command.run("campaignd", ["ui", "--tenant", "acme"], environment: Self.secret)
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        let parts = outcome.output.split(separator: "#token=")
        #expect(parts.count == 2 && parts[0] == "http://127.0.0.1:8080/ui")
        let claims = try Self.claims(try #require(parts.last))
        #expect(claims["tenantId"] == "acme" && claims["campaigns"] == "read")
        let issued = try #require(claims["iat"]?.integerValue)
        #expect(claims["exp"] == .integer(issued + 3_600))
        #expect(claims["sub"]?.stringValue?.isEmpty == false)
    }

    @Test func takesScopesAndAnAddress() async throws {
        let arguments = ["ui", "--tenant", "acme", "--scope", "operate", "--scope", "contacts", "--subject", "jane"]
        let environment = Self.secret.merging(["UI_URL": "https://campaigns.example.com/"]) { $1 }
        let outcome = try await Command.run("campaignd", arguments, environment: environment)
        #expect(outcome.output.hasPrefix("https://campaigns.example.com/ui#token="), "\(outcome.errors)")
        let claims = try Self.claims(try #require(outcome.output.split(separator: "=").last))
        #expect(claims["campaigns"] == "operate contacts" && claims["sub"] == "jane")
        let wrong = try await Command.run(
            "campaignd",
            ["ui", "--tenant", "acme", "--scope", "root"],
            environment: Self.secret
        )
        #expect(wrong.exitCode == 64 && wrong.errors.contains("read"), "\(wrong.errors)")
    }

    @Test func makesTokensWithAllRightsUnlessScopesAreGiven() async throws {
        let all = try await Command.run("campaignd", ["token", "--tenant", "acme"], environment: Self.secret)
        #expect(try Self.claims(all.output)["campaigns"] == nil)
        let some = try await Command.run(
            "campaignd",
            ["token", "--tenant", "acme", "--scope", "read"],
            environment: Self.secret
        )
        #expect(try Self.claims(some.output)["campaigns"] == "read")
        let none = try await Command.run("campaignd", ["ui", "--tenant", "acme"], environment: [:])
        #expect(none.exitCode == 1 && none.errors.contains("JWT_SECRET"), "\(none.errors)")
    }

    @Test(
        arguments: [
            (nil, [:], "http://127.0.0.1:8080"),
            (nil, ["HTTP_HOST": "0.0.0.0", "HTTP_PORT": "81"], "http://127.0.0.1:81"),
            (nil, ["HTTP_HOST": "::1", "TLS_CERTIFICATE_FILE": "/c.pem"], "https://[::1]:8080"),
            (nil, ["HTTP_HOST": "10.0.0.11"], "http://10.0.0.11:8080"),
            ("https://a.example//", ["UI_URL": "https://b.example"], "https://a.example"),
        ] as [(String?, [String: String], String)]
    )
    func findsTheAddressOfTheDaemon(option: String?, environment: [String: String], address: String) throws {
        #expect(try UICommand.address(option, environment) == address)
    }

    @Test func refusesAnAddressThatIsNone() {
        let error = #expect(throws: (any Error).self) { try UICommand.address("campaigns.example.com", [:]) }
        #expect(error.map { "\($0)".hasPrefix("--url: ") } ?? false)
    }
}
