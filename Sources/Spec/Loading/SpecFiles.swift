internal import Glibc

/// The YAML files below a directory, in a fixed order.
enum SpecFiles {
    /// A file and its tenant folder.
    struct File: Sendable {
        /// The path to show.
        let path: String
        /// `nil` for a file outside of all tenant folders.
        let tenant: String?
    }

    private static let maximumDepth = 16

    /// Walks a directory; skips hidden entries and symbolic links to folders.
    static func find(in directory: String, sink: inout [Diagnostic]) -> [File] {
        let root = directory.count > 1 && directory.hasSuffix("/") ? String(directory.dropLast()) : directory
        var files: [File] = []
        walk(root, tenant: nil, depth: 0, into: &files, sink: &sink)
        return files.sorted { $0.path < $1.path }
    }

    private static func walk(
        _ directory: String,
        tenant: String?,
        depth: Int,
        into files: inout [File],
        sink: inout [Diagnostic]
    ) {
        guard let entries = entries(of: directory) else {
            let message = "cannot read folder `\(directory)`"
            let help = "check that it exists and is readable"
            sink.append(Diagnostic(.unreadableFile, at: SourcePlace(file: directory), message, help: help))
            return
        }
        for (name, type) in entries.sorted(by: { $0.name < $1.name }) {
            let path = "\(directory)/\(name)"
            // Most file systems store the type of an entry in the folder.
            let isKnown = Int(type) == DT_REG || Int(type) == DT_DIR
            guard let isDirectory = isKnown ? Int(type) == DT_DIR : isDirectory(path) else { continue }
            if !isDirectory {
                let isYAML = name.hasSuffix(".yaml") || name.hasSuffix(".yml")
                if isYAML { files.append(File(path: path, tenant: tenant)) }
            } else if depth < maximumDepth, isKnown || !isLink(path) {
                walk(path, tenant: tenant ?? name, depth: depth + 1, into: &files, sink: &sink)
            }
        }
    }

    /// Returns the entries of a folder that are not hidden, with their types; `nil` if it cannot be read.
    private static func entries(of directory: String) -> [(name: String, type: UInt8)]? {
        guard let stream = opendir(directory) else { return nil }
        defer { closedir(stream) }
        var entries: [(name: String, type: UInt8)] = []
        errno = 0
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { name in
                String(cString: UnsafeRawPointer(name).assumingMemoryBound(to: CChar.self))
            }
            if !name.hasPrefix(".") { entries.append((name, entry.pointee.d_type)) }
        }
        return errno == 0 ? entries : nil
    }

    /// Returns whether a path is a folder, following links; `nil` if it does not exist.
    private static func isDirectory(_ path: String) -> Bool? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return status.st_mode & S_IFMT == S_IFDIR
    }

    private static func isLink(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
    }

    /// Returns the bytes of a file, or `nil` if it cannot be read; reads at most one byte beyond a limit, to bound memory.
    static func bytes(of path: String, limit: Int) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        // A failed close after reading loses no data.
        defer { _ = close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        let isFile = status.st_mode & S_IFMT == S_IFREG
        // The size is only a hint: it is wrong for pipes and for files that are being written.
        let expected = min(max(Int(status.st_size), 0), limit) + 1
        var bytes: [UInt8] = []
        while bytes.count <= limit {
            let room = bytes.isEmpty ? expected : min(bytes.count, limit + 1 - bytes.count)
            var count = 0
            let more = [UInt8](unsafeUninitializedCapacity: room) { buffer, initialized in
                repeat { count = read(descriptor, buffer.baseAddress, room) } while count < 0 && errno == EINTR
                initialized = max(0, count)
            }
            // The caller reports the file as unreadable.
            guard count >= 0 else { return nil }
            if bytes.isEmpty { bytes = more } else { bytes += more }
            // A short read ends a file; a pipe ends with an empty read.
            if count == 0 || (isFile && count < room) { break }
        }
        return bytes
    }
}
