public import Foundation
import Synchronization

/// Finds free ports of the loopback interface.
public enum FreePort {
    /// Ports below those that Linux gives to outgoing connections, which start at 32,768: no connection takes one of them
    /// between the search and its use.
    private static let range = 12_000..<32_000
    /// Ports that this process has got, so that two servers that start together have different ones.
    private static let given = Mutex<Set<Int>>([])

    /// Returns a port that was free a moment ago; use it soon.
    public static func find() throws -> Int {
        for _ in 1...1_000 {
            let port = Int.random(in: range)
            if given.withLock({ $0.insert(port).inserted }), try isFree(port) { return port }
        }
        throw TestBedError.missing("a free port", remedy: "check the loopback interface")
    }

    private static func isFree(_ port: Int) throws -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw TestBedError.missing("a socket", remedy: "raise the limit of open files") }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) == 0 }
        }
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
