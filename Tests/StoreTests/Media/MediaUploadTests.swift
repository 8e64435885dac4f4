import Postgres
import TestSupport
import Testing

@testable import Store

/// The ids that a number has for files.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct MediaUploadTests {
    private static let key = MediaUploadRepository.Key(
        file: MediaRepository.Key(tenant: "acme", digest: String(repeating: "ab", count: 32)),
        number: "1001"
    )

    private static func withID(
        age: String,
        _ body: (Fixture, MediaUploadRepository) async throws -> Void
    ) async throws {
        try await Fixture.with { fixture in
            let file = key.file
            try await fixture.pool.execute(
                """
                INSERT INTO media ("tenantId", digest, type, bytes)
                VALUES (\(file.tenant), \(file.digest), 'image/png', \(Array("an image".utf8)))
                """
            )
            try await fixture.pool.execute(
                """
                INSERT INTO media_uploads ("tenantId", digest, "phoneNumberId", "mediaId", "uploadedAt")
                VALUES (\(file.tenant), \(file.digest), \(key.number), '4711', now() - \(age)::text::interval)
                """
            )
            try await body(fixture, MediaUploadRepository(pool: fixture.pool))
        }
    }

    @Test func onlyAnOldIDIsForgotten() async throws {
        try await Self.withID(age: "1 minute") { _, uploads in
            let isForgotten = try await uploads.forget(Self.key, id: "4711")
            let isReplaced = try await uploads.forget(Self.key, id: "another")
            #expect(!isForgotten && isReplaced)
        }
        try await Self.withID(age: "20 days") { fixture, uploads in
            let isOld = try await uploads.forget(Self.key, id: "4711")
            let isForgotten: Bool = try await fixture.value(#"SELECT "mediaId" IS NULL FROM media_uploads"#)
            #expect(isOld && isForgotten)
        }
    }

    /// None of several messages that are refused at once may take the id for a new one, and fail for good.
    @Test func whoWaitsForAnotherThatForgetsTheIDHearsTheSame() async throws {
        try await Self.withID(age: "20 days") { fixture, uploads in
            let waiting = try await fixture.pool.transaction { connection in
                try await connection.execute(#"UPDATE media_uploads SET "mediaId" = NULL, "uploadedAt" = NULL"#)
                let waiting = Task { try await uploads.forget(Self.key, id: "4711") }
                try await fixture.waitsForALock()
                return waiting
            }
            let isForgotten = try await waiting.value
            #expect(isForgotten)
        }
    }
}
