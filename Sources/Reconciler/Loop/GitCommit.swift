import Dispatch
import Foundation

/// The commit that specs come from.
public enum GitCommit {
    private static let deadline = DispatchTimeInterval.seconds(5)

    /// The commit that is checked out in a folder; `nil` outside of a repository, without git, or if git does not answer.
    public static func current(of directory: String) async -> String? {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: read(directory)) }
        }
    }

    private static func read(_ directory: String) -> String? {
        let git = Process()
        git.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        // Git does not read a repository of another user unless told so, as the daemon's user never owns the specs'. It is
        // asked for a commit only, which runs nothing that the repository names.
        git.arguments = [
            "git", "-c", "safe.directory=*", "-C", directory, "rev-parse", "--verify", "HEAD",
        ]
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
            // Where there is no git there is no commit; the specs are applied all the same.
            return nil
        }
    }
}
