import Foundation
import Testing

@testable import Store

/// What has become of a reading of an account that a command waits for.
struct AwaitedReadingTests {
    private static let asked = Date(timeIntervalSince1970: 1_780_000_000)

    private static func reading(
        swept: Double? = nil,
        due: Double? = nil,
        error: String? = nil,
        failed: Double? = nil
    ) -> AccountView.Reading {
        AccountView(
            accountID: UUID(),
            tenantID: "acme",
            name: "main",
            wabaID: "77",
            accessToken: "env:TOKEN",
            appID: nil,
            businessID: nil,
            sweptAt: swept.map { asked + $0 + 1 },
            sweptFrom: swept.map { asked + $0 },
            dueAt: due.map { asked + $0 },
            error: error,
            errorAt: failed.map { asked + $0 },
            profile: nil,
            numbers: [],
            templates: []
        )
        .reading(since: asked, until: asked + 120)
    }

    @Test func aFailureEndsTheWaitAtOnce() {
        #expect(Self.reading(swept: 2) == .done)
        #expect(Self.reading() == .open && Self.reading(swept: -600) == .open)
        #expect(
            Self.reading(due: 60, error: "WhatsApp refuses the token", failed: 3)
                == .failed("WhatsApp refuses the token")
        )
        #expect(Self.reading(due: 0, error: "WhatsApp refuses the token", failed: -300) == .open, "it is tried again")
        #expect(
            Self.reading(due: 1_800, error: "too many calls", failed: -300)
                == .failed("too many calls; it is read again at 2026-05-28T20:56:40Z")
        )
    }
}
