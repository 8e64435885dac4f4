import Dispatch
import Glibc

/// The bytes of a file in pieces, read on a thread of their own, one when asked for.
///
/// A slow disk or a pipe never blocks Swift's cooperative threads, and memory holds one piece.
final class FileChunks: Sendable {
    /// The size of the file in bytes; `nil` for what has none, such as a pipe.
    let size: Int?
    private let file: String
    private let descriptor: Int32
    private let queue = DispatchQueue(label: "contacts.file")
    private static let chunk = 256 * 1024

    /// Opens the file.
    ///
    /// - Throws: ``ContactImportError/unreadable(file:reason:)``
    init(file: String) throws(ContactImportError) {
        self.file = file
        descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.error(file) }
        guard !Self.isFolder(file) else {
            close(descriptor)
            throw .unreadable(file: file, reason: "it is a folder")
        }
        // What has an end has a size; pipes have none, and devices say 0.
        let end = lseek(descriptor, 0, SEEK_END)
        size = end > 0 ? Int(end) : nil
        if end > 0 { lseek(descriptor, 0, SEEK_SET) }
    }

    /// Asked of `open`, since the fields of `stat` belong to another module once SwiftNIO is in sight.
    private static func isFolder(_ file: String) -> Bool {
        let folder = open(file, O_RDONLY | O_CLOEXEC | O_DIRECTORY)
        if folder >= 0 { close(folder) }
        return folder >= 0
    }

    deinit { close(descriptor) }

    /// The next piece; `nil` at the end of the file.
    func next() async throws -> [UInt8]? {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try self.read() }) }
        }
    }

    private func read() throws(ContactImportError) -> [UInt8]? {
        var (count, code): (Int, Int32) = (0, 0)
        let bytes = [UInt8](unsafeUninitializedCapacity: Self.chunk) { buffer, initialized in
            repeat {
                count = Glibc.read(descriptor, buffer.baseAddress, Self.chunk)
                code = errno
            } while count < 0 && code == EINTR
            initialized = max(0, count)
        }
        guard count >= 0 else { throw .unreadable(file: file, reason: String(cString: strerror(code))) }
        return count == 0 ? nil : bytes
    }

    private static func error(_ file: String) -> ContactImportError {
        .unreadable(file: file, reason: String(cString: strerror(errno)))
    }
}
