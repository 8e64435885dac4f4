import Crypto
import Dispatch
import Foundation
import Glibc
import JSON
public import Spec

/// A folder of specs on disk, read on threads outside of the cooperative pool.
public struct SpecsFolder: Sendable {
    public let path: String
    /// The environment whose values the specs take.
    public let environment: String?

    /// Makes a value for a folder, which need not exist yet.
    public init(path: String, environment: String? = nil) {
        (self.path, self.environment) = (path, environment)
    }

    /// Reads and checks all specs.
    public func load() async -> SpecCatalog {
        await away { SpecCatalog.load(directory: path, environment: environment) }
    }

    /// Computes a digest of the paths, sizes and modification times of all files, to notice changes cheaply.
    ///
    /// It has the same files as ``load()``, that of the environment, and the entries that cannot be read.
    public func fingerprint() async -> String {
        await away { digest(Self.stamp) }
    }

    /// Computes a digest of the paths and content of all files, which is equal in all copies of a repository.
    public func contentDigest() async -> String {
        await away { digest(Self.content) }
    }

    /// Returns the path of a file relative to the folder; unchanged if it is outside.
    func relative(_ file: String) -> String {
        let root = path.hasSuffix("/") ? path : path + "/"
        return file.hasPrefix(root) ? String(file.dropFirst(root.count)) : file
    }

    private func away<Value: Sendable>(_ read: @escaping @Sendable () -> Value) async -> Value {
        await BlockingWork.run(read)
    }

    private func digest(_ state: (SpecFiles.File) -> String) -> String {
        let listing = SpecFiles.find(in: path)
        let values = environment.map { name in
            let file = SpecEnvironments(beside: path).file(of: name)
            return "environment \(name)\u{0}\(file.map(state) ?? "missing")"
        }
        let rates = RateFiles.files(beside: path).map { "\($0.path)\u{0}\(state($0))" }
        let lines =
            rates + (values.map { [$0] } ?? [])
            + (listing.files + listing.media).map { "\(relative($0.path))\u{0}\(state($0))" }
            + listing.problems.map { "\(relative($0.place.file))\u{0}\($0.message)" }
        return SHA256.hash(data: Data(lines.joined(separator: "\n").utf8)).hexText
    }

    private static func stamp(of file: SpecFiles.File) -> String {
        var status = stat()
        // A file that has just vanished changes the digest, so the next look notices it.
        guard stat(file.target, &status) == 0 else { return "missing" }
        return "\(status.st_ino) \(status.st_size) \(status.st_mtim.tv_sec) \(status.st_mtim.tv_nsec)"
    }

    private static func content(of file: SpecFiles.File) -> String {
        // Files beside the specs may be larger than specs.
        switch SpecFiles.bytes(of: file.target, upTo: 16 << 20) {
        case .success(let bytes): SHA256.hash(data: Data(bytes)).hexText
        case .failure(let failure): failure.message
        }
    }
}

/// The git commit of a folder of specs.
public enum GitCommit {
    private static let deadline = DispatchTimeInterval.seconds(5)

    /// Returns the commit that is checked out in a folder; `nil` outside of a repository, without git, or after a timeout.
    public static func current(of directory: String) async -> String? {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: read(directory)) }
        }
    }

    private static func read(_ directory: String) -> String? {
        let git = Process()
        git.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        // Git refuses a repository of another user unless told otherwise, and the daemon's user rarely owns the specs.
        // `rev-parse` runs no program that the repository configures, so this is safe.
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
            // Without git there is no commit to record; the specs are applied all the same.
            return nil
        }
    }
}

/// Runs blocking or CPU-heavy work on a thread outside of the cooperative pool.
package enum BlockingWork {
    /// Runs `body` to its end, even if the caller is cancelled.
    package static func run<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            // A private queue gets a thread of its own; global queues share their threads with the pool.
            DispatchQueue(label: "campaigns.blocking-work").async { continuation.resume(returning: body()) }
        }
    }
}
