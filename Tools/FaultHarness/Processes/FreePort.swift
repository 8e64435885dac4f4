import Foundation

/// Finds ports that nobody listens on.
enum FreePort {
    /// A free port of the loopback interface; whoever wants it should take it soon.
    static func find() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw HarnessError.missing("a socket", remedy: "raise the limit of open files") }
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
        guard isBound else { throw HarnessError.missing("a free port", remedy: "look at the loopback interface") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
