import Dispatch
import Foundation
import Logging
import Reconciler

/// Who applies a plan, and from which commit.
enum Origin {
    private static let deadline = DispatchTimeInterval.seconds(5)

    /// What the environment and git say; git is asked about the folder of the specs.
    static func current(specs directory: String) async -> Applier.Origin {
        let environment = ProcessInfo.processInfo.environment
        let commit = await commit(of: directory) ?? environment["GITHUB_SHA"]
        return Applier.Origin(
            actor: environment["GITHUB_ACTOR"] ?? NSUserName(),
            gitCommit: commit.flatMap { $0.isEmpty ? nil : $0 },
            toolVersion: ReconcileCommand.toolVersion
        )
    }

    /// The commit that is checked out, or `nil` outside of a repository, or without git.
    private static func commit(of directory: String) async -> String? {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: readCommit(of: directory)) }
        }
    }

    private static func readCommit(of directory: String) -> String? {
        let git = Process()
        git.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        git.arguments = ["git", "-C", directory, "rev-parse", "--verify", "HEAD"]
        let output = Pipe()
        git.standardOutput = output
        git.standardError = FileHandle.nullDevice
        git.standardInput = FileHandle.nullDevice
        do {
            try git.run()
            DispatchQueue.global().asyncAfter(deadline: .now() + deadline) { if git.isRunning { git.terminate() } }
            let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
            git.waitUntilExit()
            guard git.terminationStatus == 0 else { return nil }
            let text = String(decoding: bytes, as: UTF8.self).filter { !$0.isWhitespace }
            return text.isEmpty ? nil : text
        } catch {
            Terminal.logger.debug("git could not be asked", metadata: ["error": "\(error)"])
            return nil
        }
    }
}
