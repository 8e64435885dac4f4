import Crypto
import Foundation
import Glibc
import JSON
public import Spec

/// A folder of specs on disk, read away from the threads that must not block.
public struct SpecsFolder: Sendable {
    private static let maximumDepth = 16

    public let path: String

    /// Makes a folder; it need not exist yet.
    public init(path: String) {
        self.path = path
    }

    /// Reads and checks all specs.
    public func load() async -> SpecCatalog {
        await away { SpecCatalog.load(directory: path) }
    }

    /// Names the state of the files by their paths, sizes and times of change; the same files have the same name.
    ///
    /// Links are followed, since some deployments replace a whole folder by pointing a link elsewhere.
    public func fingerprint() async -> String {
        await away { digest { $0.stamp(of: $1) } }
    }

    /// Names the state of the files by their paths and content, which is the same in all copies of a repository.
    public func contentDigest() async -> String {
        await away { digest { $0.content(of: $1) } }
    }

    /// The path of a file below the folder, or the path as it is.
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

    /// The paths of all specs below the folder, in a fixed order: hidden entries are none.
    private func files(below folder: String, depth: Int) -> [String] {
        // A folder that is missing or vanishes has no files: the next look, or loading the specs, tells.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(path)/\(folder)")) ?? []
        return names.sorted().filter { !$0.hasPrefix(".") }.flatMap { name -> [String] in
            let file = folder.isEmpty ? name : "\(folder)/\(name)"
            if name.hasSuffix(".yaml") || name.hasSuffix(".yml") { return [file] }
            // What is not a folder has no content, and links in a circle end at the greatest depth.
            return depth < Self.maximumDepth && isFolder(file) ? files(below: file, depth: depth + 1) : []
        }
    }

    private func isFolder(_ file: String) -> Bool {
        var isDirectory: ObjCBool = false
        // Links to folders are not followed, as they are not where specs are read.
        let type = (try? FileManager.default.attributesOfItem(atPath: "\(path)/\(file)"))?[.type] as? FileAttributeType
        guard type != .typeSymbolicLink else { return false }
        return FileManager.default.fileExists(atPath: "\(path)/\(file)", isDirectory: &isDirectory)
            && isDirectory.boolValue
    }

    private func stamp(of file: String) -> String {
        var status = stat()
        // A file that vanishes meanwhile is missing from this state, and the next look sees another.
        guard stat("\(path)/\(file)", &status) == 0 else { return "missing" }
        return "\(status.st_ino) \(status.st_size) \(status.st_mtim.tv_sec) \(status.st_mtim.tv_nsec)"
    }

    private func content(of file: String) -> String {
        // What cannot be read has no content; why, the diagnostics say.
        SHA256.hash(data: FileManager.default.contents(atPath: "\(path)/\(file)") ?? Data()).hexText
    }
}
