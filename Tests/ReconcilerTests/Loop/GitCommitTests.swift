import Foundation
import Reconciler
import Testing

/// The commit that specs come from.
struct GitCommitTests {
    private static func git(_ arguments: String..., in folder: URL) throws {
        let git = Process()
        git.executableURL = URL(filePath: "/usr/bin/env")
        git.arguments = ["git", "-C", folder.path, "-c", "user.name=a", "-c", "user.email=a@b"] + arguments
        try git.run()
        git.waitUntilExit()
        try #require(git.terminationStatus == 0)
    }

    private static func withFolder(_ body: (URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "commit-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder)
    }

    @Test func aFolderOutsideOfARepositoryHasNoCommit() async throws {
        try await Self.withFolder { folder in #expect(await GitCommit.current(of: folder.path) == nil) }
    }

    /// As for a service, which runs as a user that owns no files; only root can change the owner of a folder.
    @Test(.enabled(if: geteuid() == 0))
    func theFolderMayBelongToAnotherUser() async throws {
        try await Self.withFolder { folder in
            try Self.git("init", "--quiet", in: folder)
            try Self.git("commit", "--quiet", "--allow-empty", "-m", "first", in: folder)
            let own = try #require(await GitCommit.current(of: folder.path))
            #expect(own.count == 40)
            try FileManager.default.setAttributes([.ownerAccountID: 65_534], ofItemAtPath: folder.path)
            #expect(await GitCommit.current(of: folder.path) == own)
        }
    }
}
