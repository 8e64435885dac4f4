import Crypto
import Dispatch
import Foundation
public import Spec

/// A folder of specs on disk, read away from the threads that must not block.
public struct SpecsFolder: Sendable {
    public let path: String

    /// Makes a folder; it need not exist yet.
    public init(path: String) {
        self.path = path
    }

    /// Reads and checks all specs.
    public func load() async -> SpecCatalog {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: SpecCatalog.load(directory: path)) }
        }
    }

    /// Names the state of the files by their paths, sizes and times of change; the same files have the same name.
    public func fingerprint() async -> String {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: readFingerprint()) }
        }
    }

    private func readFingerprint() -> String {
        var lines: [String] = []
        let root = URL(filePath: path, directoryHint: .isDirectory)
        let keys: [URLResourceKey] = [.fileSizeKey, .contentModificationDateKey]
        let files = FileManager.default.enumerator(
            at: root,
            includingPropertiesForKeys: keys,
            options: [.skipsHiddenFiles]
        )
        while let file = files?.nextObject() as? URL {
            guard ["yaml", "yml"].contains(file.pathExtension) else { continue }
            // A file that vanishes meanwhile is missing from this state, and the next look sees another.
            guard let values = try? file.resourceValues(forKeys: Set(keys)) else { continue }
            let changed = values.contentModificationDate?.timeIntervalSinceReferenceDate ?? 0
            lines.append("\(file.path)\u{0}\(values.fileSize ?? 0)\u{0}\(changed)")
        }
        let digest = SHA256.hash(data: Data(lines.sorted().joined(separator: "\n").utf8))
        return digest.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}
