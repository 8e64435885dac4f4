import Foundation
import JSON
import Synchronization
import TestSupport
import Testing

@testable import AccessTokens
@testable import Settings

/// Keys of an identity provider: when they are fetched, and for how long they are used.
@Suite(.timeLimit(.minutes(1)))
struct RemoteKeySetTests {
    private static let (old, new) = (TestSigner("old"), TestSigner("new"))

    /// A provider whose answers a test sets, with the clock of the keys.
    private final class Provider: Sendable {
        struct Away: Error {}

        let clock = TestInstant()
        let keys: RemoteKeySet
        private let answer: Mutex<(text: String?, cacheControl: String?)>
        private let asked = Mutex(0)

        init(_ text: String?, cacheControl: String? = nil) throws {
            answer = Mutex((text, cacheControl))
            let clock = clock
            let address = try #require(SecureAddress("https://id.example/keys"))
            keys = RemoteKeySet(.keys(address), now: { clock.now })
        }

        /// How often the service was asked to fetch.
        var wakes: Int { asked.withLock { $0 } }

        func say(_ text: String?, cacheControl: String? = nil) { answer.withLock { $0 = (text, cacheControl) } }

        func serve() { keys.serve { self.asked.withLock { $0 += 1 } } }

        /// Fetches, as the service does.
        func fetch() async {
            // A refused answer is what some tests are about; they look at the keys.
            try? await keys.refresh {
                guard case let (text?, cacheControl) = self.answer.withLock({ $0 }) else { throw Away() }
                return .init(bytes: Array(text.utf8), cacheControl: cacheControl)
            }
        }

        func has(_ id: String) async -> Bool { await keys.keys(for: id)?.key(id) != nil }
    }

    @Test func anUnknownKeyIsFetchedAtOnceAndForAllWhoWait() async throws {
        let provider = try Provider(TestSigner.keySet(Self.old))
        #expect(provider.keys.pause == .zero)
        await provider.fetch()
        provider.serve()
        #expect(await provider.has("old"))
        provider.say(TestSigner.keySet(Self.old, Self.new))
        provider.clock.advance(by: .seconds(30))
        try await withThrowingTaskGroup { tasks in
            for _ in 1...50 { tasks.addTask { await provider.has("new") } }
            try await eventually("it is asked") { provider.wakes == 1 }
            await provider.fetch()
            for try await isKnown in tasks { #expect(isKnown) }
        }
        #expect(provider.wakes == 1)
    }

    @Test func strangersCannotHammerTheProvider() async throws {
        let provider = try Provider(TestSigner.keySet(Self.old))
        await provider.fetch()
        provider.serve()
        for number in 1...500 { #expect(await !provider.has("invented-\(number)")) }
        #expect(provider.wakes == 0, "it was fetched less than 30 s ago")
        provider.clock.advance(by: .seconds(30))
        async let answer = provider.has("invented")
        try await eventually("it is asked") { provider.wakes == 1 }
        await provider.fetch()
        #expect(await !answer)
        for number in 1...500 { #expect(await !provider.has("invented-\(number)")) }
        #expect(provider.wakes == 1)
        // Tokens without a `kid` never have keys fetched.
        provider.clock.advance(by: .seconds(60))
        #expect(await provider.keys.keys(for: nil) != nil)
        #expect(provider.wakes == 1)
    }

    @Test func aRemovedKeyEndsWithTheNextFetch() async throws {
        let provider = try Provider(TestSigner.keySet(Self.old, Self.new))
        await provider.fetch()
        let first = await provider.keys.keys(for: "old")
        await provider.fetch()
        #expect(await provider.keys.keys(for: "old") === first, "the same keys are the same object")
        provider.say(TestSigner.keySet(Self.new))
        await provider.fetch()
        #expect(await !provider.has("old"))
        #expect(await provider.has("new"))
    }

    @Test func theLastKeysStayWhileTheProviderIsAwayButNotForever() async throws {
        let provider = try Provider(TestSigner.keySet(Self.old), cacheControl: "max-age=3600")
        await provider.fetch()
        #expect(provider.keys.pause == .seconds(3_600))
        provider.clock.advance(by: .seconds(3_600))
        #expect(provider.keys.pause == .zero)
        let large = #"{"keys":["# + String(repeating: " ", count: 100) + "]}"
        for wrong in [
            nil, "", "<html>", large, #"{"keys":[{"kty":"oct","k":"\#(String(repeating: "A", count: 64))"}]}"#,
        ] {
            provider.say(wrong)
            await provider.fetch()
            #expect(provider.keys.pause == .seconds(30))
            #expect(await provider.has("old"))
        }
        provider.clock.advance(by: .seconds(24 * 3_600 - 1))
        #expect(await provider.has("old"))
        provider.clock.advance(by: .seconds(1))
        #expect(await provider.keys.keys(for: "old") == nil)
        provider.say(TestSigner.keySet(Self.old))
        await provider.fetch()
        #expect(await provider.has("old"))
    }

    @Test func nobodyWaitsForAServiceThatEnds() async throws {
        let provider = try Provider(nil)
        #expect(await provider.keys.keys(for: "old") == nil)
        provider.serve()
        async let answer = provider.keys.keys(for: "old")
        try await eventually("it is asked") { provider.wakes == 1 }
        provider.keys.stop()
        #expect(await answer == nil)
        #expect(await provider.keys.keys(for: "old") == nil)
    }

    @Test func aReloadFetchesAtOnce() async throws {
        let provider = try Provider(TestSigner.keySet(Self.old), cacheControl: "max-age=3600")
        await provider.fetch()
        provider.keys.reload()
        #expect(provider.keys.pause > .zero, "no service runs yet")
        provider.serve()
        provider.keys.reload()
        #expect(provider.wakes == 1 && provider.keys.pause == .zero)
        await provider.fetch()
        #expect(provider.keys.pause > .zero)
    }

    @Test(
        arguments: [
            (nil, 300), ("", 300), ("no-cache", 300), ("max-age=60", 300),
            ("public, max-age=19800, must-revalidate", 19_800),
            ("MAX-AGE=\"600\"", 600), ("no-store, max-age=600", 300), ("max-age=99999999", 86_400), ("max-age=-1", 300),
            ("max-age=99999999999999999999999", 300), ("max-age=", 300), ("s-maxage=900", 300),
        ] as [(String?, Int)]
    )
    func keysLiveAsLongAsTheProviderSaysWithinBounds(cacheControl: String?, seconds: Int) {
        #expect(KeySetFreshness.lifetime(cacheControl) == .seconds(seconds))
    }

    /// Keys that a provider publishes for other purposes do no harm, and a published secret is none.
    @Test func skipsKeysThatVerifyNothing() async throws {
        let secret = #"{"kty":"oct","kid":"public","k":"\#(String(repeating: "A", count: 64))"}"#
        let others = [
            secret, #"{"kty":"OKP","crv":"Ed25519","kid":"ed","x":"AA"}"#, #"{"kty":"EC","crv":"P-384","kid":"p384"}"#,
            #"{"kty":"RSA","use":"enc","kid":"enc"}"#,
            // Malformed, too short, without an id, and a second one with the id of a good one (RFC 7517, section 5).
            #"{"kty":"RSA","kid":"bad","n":"AQ","e":"AQAB"}"#,
            #"{"kty":"EC","crv":"P-256","kid":"point","x":"AA","y":"AA"}"#,
            TestSigner("").entry.replacing(#""kid":"","#, with: ""),
            #"{"kty":"RSA","kid":"old","n":"AQ","e":"AQAB"}"#,
        ]
        let provider = try Provider(TestSigner.keySet(Self.old, others: others))
        await provider.fetch()
        #expect(await provider.has("old"))
        for id in ["public", "ed", "p384", "enc", "bad", "point"] { #expect(await !provider.has(id)) }
        #expect(throws: TokenKeyError.self) {
            try TokenKeySet(jwks: Array(TestSigner.keySet(others: [secret]).utf8), isOurs: false)
        }
    }
}
