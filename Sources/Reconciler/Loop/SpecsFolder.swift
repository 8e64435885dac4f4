import Crypto
import Dispatch
import Foundation
import Glibc
import JSON
public import Spec

/// A folder of specs on disk, read on threads outside of the cooperative pool.
public struct SpecsFolder: Sendable {
    private static let maximumDepth = 16

    public let path: String

    /// Makes a value for a folder, which need not exist yet.
    public init(path: String) {
        self.path = path
    }

    /// Reads and checks all specs.
    public func load() async -> SpecCatalog {
        await away { SpecCatalog.load(directory: path) }
    }

    /// Computes a digest of the paths, sizes and modification times of all files, to notice changes cheaply.
    ///
    /// Links are followed, because some deployments replace a folder by changing a link.
    public func fingerprint() async -> String {
        await away { digest { $0.stamp(of: $1) } }
    }

    /// Computes a digest of the paths and content of all files, which is equal in all copies of a repository.
    public func contentDigest() async -> String {
        await away { digest { $0.content(of: $1) } }
    }

    /// Returns the path of a file relative to the folder; unchanged if it is outside.
    func relative(_ file: String) -> String {
        let root = path.hasSuffix("/") ? path : path + "/"
        return file.hasPrefix(root) ? String(file.dropFirst(root.count)) : file
    }

    private func away<Value: Sendable>(_ read: @escaping @Sendable () -> Value) async -> Value {
        await BlockingWork.run(read)
    }

    private func digest(_ state: (Self, String) -> String) -> String {
        let lines = files(below: "", depth: 0).map { "\($0)\u{0}\(state(self, $0))" }
        return SHA256.hash(data: Data(lines.joined(separator: "\n").utf8)).hexText
    }

    /// Lists the paths of all spec files below the folder, sorted and without hidden entries.
    private func files(below folder: String, depth: Int) -> [String] {
        // A folder that is missing or vanishes counts as empty; loading the specs reports it.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(path)/\(folder)")) ?? []
        return names.sorted().filter { !$0.hasPrefix(".") }.flatMap { name -> [String] in
            let file = folder.isEmpty ? name : "\(folder)/\(name)"
            if name.hasSuffix(".yaml") || name.hasSuffix(".yml") { return [file] }
            // The depth limit ends links in a circle.
            return depth < Self.maximumDepth && isFolder(file) ? files(below: file, depth: depth + 1) : []
        }
    }

    private func isFolder(_ file: String) -> Bool {
        var isDirectory: ObjCBool = false
        // Links to folders are not followed, as when specs are loaded.
        let type = (try? FileManager.default.attributesOfItem(atPath: "\(path)/\(file)"))?[.type] as? FileAttributeType
        guard type != .typeSymbolicLink else { return false }
        return FileManager.default.fileExists(atPath: "\(path)/\(file)", isDirectory: &isDirectory)
            && isDirectory.boolValue
    }

    private func stamp(of file: String) -> String {
        var status = stat()
        // A file that has just vanished changes the digest, so the next look notices it.
        guard stat("\(path)/\(file)", &status) == 0 else { return "missing" }
        return "\(status.st_ino) \(status.st_size) \(status.st_mtim.tv_sec) \(status.st_mtim.tv_nsec)"
    }

    private func content(of file: String) -> String {
        // A file that cannot be read counts as empty; loading the specs reports it.
        SHA256.hash(data: FileManager.default.contents(atPath: "\(path)/\(file)") ?? Data()).hexText
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
