internal import Glibc
internal import YAML

/// The YAML files below a folder, in a fixed order, and the entries that cannot be read.
///
/// A file that is left out silently looks like a deleted spec, so every entry that could hold specs is either read or
/// reported. The daemon and the commands use the same walk.
package enum SpecFiles {
    /// A file and its tenant folder.
    package struct File: Sendable {
        /// The path to show.
        package let path: String
        /// `nil` for a file outside of all tenant folders.
        package let tenant: String?
        /// The path to open, without links.
        package let target: String
    }

    /// The result of a walk.
    package struct Listing: Sendable {
        /// The files to read, sorted by path.
        package fileprivate(set) var files: [File] = []
        /// The files that specs may name, such as images, in the order of the walk.
        package fileprivate(set) var media: [File] = []
        /// A finding for each entry that cannot be read, in the order of the walk.
        package fileprivate(set) var problems: [Diagnostic] = []
    }

    /// The reason why a file cannot be read, and the remedy.
    package struct ReadFailure: Error, CustomStringConvertible {
        package let message: String
        package let help: String

        package var description: String { "\(message); \(help)" }

        /// Returns the finding for a file.
        package func diagnostic(of path: String) -> Diagnostic {
            Diagnostic(.unreadableFile, at: SourcePlace(file: path), message, help: help)
        }
    }

    /// The number of folders inside each other, the tenant folder included.
    static let maximumDepth = 16

    /// The largest size of a file, in bytes.
    private static let maximumSize = YAMLLimits().bytes

    /// Walks a folder; hidden entries are skipped, and linked files are read if they are in the folder.
    package static func find(in directory: String) -> Listing {
        let root = directory.count > 1 && directory.hasSuffix("/") ? String(directory.dropLast()) : directory
        var walk = FolderWalk(root: root)
        walk.visit(root, tenant: nil, depth: 0)
        walk.listing.files.sort { $0.path < $1.path }
        return walk.listing
    }

    /// Returns a path without links; `nil` and `errno` if it leads nowhere.
    static func resolved(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }

    /// Returns true for a file of a folder that is not in a hidden part of it, such as `.git`; both paths are without links.
    ///
    /// Kubernetes mounts a ConfigMap as links into a folder whose name begins with two dots.
    static func isInside(_ target: String, folder: String?) -> Bool {
        guard let folder else { return false }
        let prefix = folder == "/" ? folder : folder + "/"
        guard target.hasPrefix(prefix) else { return false }
        return target.dropFirst(prefix.count).split(separator: "/").allSatisfy { part in
            !part.hasPrefix(".") || part.hasPrefix("..")
        }
    }

    /// Returns true if there is an entry of any type at a path.
    static func exists(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 || errno != ENOENT
    }

    /// Returns the bytes of a file; of a file that is too large, only one byte more than is allowed.
    ///
    /// A FIFO or device that took the place of the file is refused without waiting for its other end.
    package static func bytes(of path: String) -> Result<[UInt8], ReadFailure> { bytes(of: path, upTo: maximumSize) }

    /// Returns the bytes of a file of any kind; of a file that is too large, only one byte more than is allowed.
    package static func bytes(of path: String, upTo limit: Int) -> Result<[UInt8], ReadFailure> {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW)
        guard descriptor >= 0 else { return .failure(.system("file", errno)) }
        // A failed close after reading loses no data.
        defer { _ = close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return .failure(.system("file", errno)) }
        guard status.st_mode & S_IFMT == S_IFREG else { return .failure(.special(status.st_mode)) }
        // The size is only a hint: it is wrong for files that are being written.
        let expected = min(max(Int(status.st_size), 0), limit) + 1
        var bytes: [UInt8] = []
        while bytes.count <= limit {
            let room = bytes.isEmpty ? expected : min(bytes.count, limit + 1 - bytes.count)
            var count = 0
            let more = [UInt8](unsafeUninitializedCapacity: room) { buffer, initialized in
                repeat { count = read(descriptor, buffer.baseAddress, room) } while count < 0 && errno == EINTR
                initialized = max(0, count)
            }
            guard count >= 0 else { return .failure(.system("file", errno)) }
            if bytes.isEmpty { bytes = more } else { bytes += more }
            // A short read ends a file.
            if count < room { break }
        }
        return .success(bytes)
    }
}

/// The walk through one folder of specs.
private struct FolderWalk {
    /// The folder without links; `nil` if it does not exist.
    let realRoot: String?
    var listing = SpecFiles.Listing()

    init(root: String) {
        realRoot = SpecFiles.resolved(root)
    }

    mutating func visit(_ directory: String, tenant: String?, depth: Int) {
        guard depth <= SpecFiles.maximumDepth else {
            let help = "move it up, or make one folder of several"
            return report(directory, "folders are nested more than \(SpecFiles.maximumDepth) deep", help)
        }
        let entries: [(name: String, type: Int)]
        switch Self.entries(of: directory) {
        case .success(let found): entries = found.sorted { $0.name < $1.name }
        case .failure(let failure): return listing.problems.append(failure.diagnostic(of: directory))
        }
        for (name, type) in entries {
            let path = "\(directory)/\(name)"
            // Most file systems store the type of an entry in the folder.
            switch type == DT_UNKNOWN ? Self.type(of: path) : type {
            case DT_DIR: visit(path, tenant: tenant ?? name, depth: depth + 1)
            case DT_REG: add(path, name, tenant, target: path)
            case DT_LNK: follow(path, name, tenant)
            case nil: report(path, .system("entry", errno))
            default: if SpecFileName(name) != .other { report(path, .special(nil)) }
            }
        }
    }

    /// Adds a regular file if its name is that of a spec file, and reports a name that was probably meant as one.
    private mutating func add(_ path: String, _ name: String, _ tenant: String?, target: String) {
        switch SpecFileName(name) {
        case .spec: listing.files.append(SpecFiles.File(path: path, tenant: tenant, target: target))
        case .similar(let ending):
            let help = "rename it so that it ends with `.yaml`, or move it out of the folder"
            report(path, "a file whose name ends with `\(ending)` is not read as specs", help)
        case .other:
            let ending = name.split(separator: ".").dropFirst().last.map { $0.lowercased() } ?? ""
            guard tenant != nil, MediaType(ending: ending) != nil else { return }
            listing.media.append(SpecFiles.File(path: path, tenant: tenant, target: target))
        }
    }

    private mutating func follow(_ path: String, _ name: String, _ tenant: String?) {
        guard let target = SpecFiles.resolved(path) else {
            switch errno {
            case ENOENT, ENOTDIR:
                return report(path, "the link leads to nothing", "remove the link, or create its target")
            case ELOOP: return report(path, "the link leads in a circle", "remove the link")
            default: return report(path, .system("link", errno))
            }
        }
        switch Self.type(of: target) {
        case DT_DIR:
            report(path, "linked folders are not read", "put the folder itself here, or remove the link")
        case DT_REG:
            guard SpecFileName(name) == .spec, !isInside(target) else {
                return add(path, name, tenant, target: target)
            }
            report(path, "the link leads out of the folder of specs", "put a copy of the file here")
        case nil: report(path, .system("link", errno))
        default: if SpecFileName(name) != .other { report(path, .special(nil)) }
        }
    }

    private func isInside(_ target: String) -> Bool { SpecFiles.isInside(target, folder: realRoot) }

    private mutating func report(_ path: String, _ message: String, _ help: String) {
        report(path, SpecFiles.ReadFailure(message: message, help: help))
    }

    private mutating func report(_ path: String, _ failure: SpecFiles.ReadFailure) {
        listing.problems.append(failure.diagnostic(of: path))
    }

    /// Returns the entries of a folder that are not hidden, with their types.
    private static func entries(
        of directory: String
    ) -> Result<[(name: String, type: Int)], SpecFiles.ReadFailure> {
        guard let stream = opendir(directory) else { return .failure(.system("folder", errno)) }
        defer { closedir(stream) }
        var entries: [(name: String, type: Int)] = []
        errno = 0
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { name in
                String(cString: UnsafeRawPointer(name).assumingMemoryBound(to: CChar.self))
            }
            if !name.hasPrefix(".") { entries.append((name, Int(entry.pointee.d_type))) }
            errno = 0
        }
        return errno == 0 ? .success(entries) : .failure(.system("folder", errno))
    }

    /// Returns the type of an entry as folders store it, without following links; `nil` and `errno` if it cannot be read.
    private static func type(of path: String) -> Int? {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        return switch status.st_mode & S_IFMT {
        case S_IFDIR: DT_DIR
        case S_IFREG: DT_REG
        case S_IFLNK: DT_LNK
        default: DT_FIFO
        }
    }

}

/// The meaning of a file's name.
private enum SpecFileName: Equatable {
    case spec
    /// Probably meant as a spec file; with the ending that keeps it from being one.
    case similar(String)
    case other

    init(_ name: String) {
        let endings = [".yaml", ".yml"]
        guard !endings.contains(where: name.hasSuffix) else {
            self = .spec
            return
        }
        let lowered = name.lowercased()
        // Some editors and browsers append `.txt`.
        let known = endings + endings.map { $0 + ".txt" } + endings.map { $0 + " " }
        self = known.first(where: lowered.hasSuffix).map { .similar(String(name.suffix($0.count))) } ?? .other
    }
}

extension SpecFiles.ReadFailure {
    fileprivate static func system(_ what: String, _ code: Int32) -> Self {
        let reason = strerror(code).map { String(cString: $0) } ?? "error \(code)"
        let help =
            switch code {
            case EACCES, EPERM: "give the user who runs this command the permission to read it"
            case ENOENT: "check that it exists; if it was just replaced, try again"
            default: "check the file system"
            }
        return Self(message: "cannot read the \(what): \(reason)", help: help)
    }

    fileprivate static func special(_ mode: mode_t?) -> Self {
        let what = mode.map { $0 & S_IFMT == S_IFDIR ? "a folder" : "a pipe, socket or device" }
        return Self(
            message: "this is \(what ?? "a pipe, socket or device"), not a file",
            help: "put a file here, or remove it"
        )
    }
}
