public import Foundation

/// Finds free ports of the loopback interface.
public enum FreePort {
    /// Returns a port that was free a moment ago; use it soon.
    public static func find() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw TestBedError.missing("a socket", remedy: "raise the limit of open files") }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) == 0 && getsockname(descriptor, address, &length) == 0
            }
        }
        guard isBound else { throw TestBedError.missing("a free port", remedy: "check the loopback interface") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}

/// A folder for the time of one test.
public enum TemporaryFolder {
    /// Runs `body` with an empty folder, and deletes it afterwards.
    public static func with<Value>(
        _ name: String = "campaigns",
        _ body: (URL) async throws -> Value
    ) async throws -> Value {
        let folder = FileManager.default.temporaryDirectory.appending(path: "\(name)-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        // A leftover in the temporary folder does no harm.
        defer { try? FileManager.default.removeItem(at: folder) }
        return try await body(folder)
    }
}
