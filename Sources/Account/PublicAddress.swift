import Foundation
import NIOCore
import NIOPosix

/// Tells the servers of the internet from those that only this machine or its network can reach.
///
/// An author of specs can name any link as a sample. A daemon that read each of them would tell which servers of its own network answer.
enum PublicAddress {
    /// A server that is not to be asked; nothing is said about whether there is one.
    struct Refused: Error, Hashable, CustomStringConvertible {
        let host: String
        var description: String { "`\(host)` is not in the public internet" }
    }

    /// Returns the address to connect to: that which was checked, as a second answer of the name server may be another.
    ///
    /// - Parameter host: A name, or an address without brackets.
    /// - Returns: The address as text.
    /// - Throws: ``Refused``, or the error of the resolver.
    static func address(of host: String) async throws -> String {
        let address = try await NIOThreadPool.singleton.runIfActive {
            // The port plays no part.
            try SocketAddress.makeAddressResolvingHost(host, port: 443)
        }
        guard let text = address.ipAddress, isPublic(bytes(of: text)) else { throw Refused(host: host) }
        return text
    }

    /// Reads an address; empty for any other text.
    private static func bytes(of text: String) -> [UInt8] {
        for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: count)
            if inet_pton(family, text, &bytes) == 1 { return bytes }
        }
        return []
    }

    /// Returns true for the 4 or 16 bytes of an address that is neither private, local nor reserved (RFC 6890).
    static func isPublic(_ bytes: [UInt8]) -> Bool {
        switch bytes.count {
        case 4:
            switch (bytes[0], bytes[1], bytes[2]) {
            case (0, _, _), (10, _, _), (127, _, _), (224..., _, _): false
            // Between providers, local links (and the metadata of clouds), private, benchmarks.
            case (100, 64...127, _), (169, 254, _), (172, 16...31, _), (192, 168, _), (198, 18...19, _): false
            // Protocols and examples.
            case (192, 0, 0), (192, 0, 2), (198, 51, 100), (203, 0, 113): false
            default: true
            }
        case 16:
            // IPv4 through a translator (RFC 6052).
            if bytes.prefix(12) == [0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0] {
                isPublic(Array(bytes.suffix(4)))
            } else {
                switch (bytes[0], bytes[1], bytes[2], bytes[3]) {
                // Tunnels that hold an address of IPv4, protocols and examples.
                case (0x20, 0x01, 0...1, _), (0x20, 0x01, 0x0D, 0xB8), (0x20, 0x02, _, _): false
                default: bytes[0] & 0xE0 == 0x20
                }
            }
        default: false
        }
    }
}
