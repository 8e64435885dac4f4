internal import YAML

/// Masks secrets in a source text, so that a quoted line never shows one.
enum SourceMask {
    /// Replaces secrets with asterisks, byte for byte; `secrets` are ranges of known secrets.
    static func mask(_ bytes: [UInt8], secrets: [YAMLRange]) -> String {
        var masked = bytes
        for range in secrets { blot(&masked, from: range.start.offset, to: range.end.offset) }
        maskTokens(&masked)
        maskLiterals(of: "accessToken", in: &masked)
        maskLiterals(of: "secret", in: &masked)
        maskAddresses(&masked)
        return String(decoding: masked, as: UTF8.self)
    }

    private static func blot(_ bytes: inout [UInt8], from start: Int, to end: Int) {
        guard start < end else { return }
        for index in start..<min(end, bytes.count) where bytes[index] != 0x0A && bytes[index] != 0x0D {
            bytes[index] = UInt8(ascii: "*")
        }
    }

    /// Masks access tokens of the Graph API, which start with `EAA` and are long.
    private static func maskTokens(_ bytes: inout [UInt8]) {
        var start = 0
        for index in 0...bytes.count {
            if index < bytes.count, isWord(bytes[index]) { continue }
            if index - start > 20, bytes[start...].starts(with: Array("EAA".utf8)) {
                blot(&bytes, from: start, to: index)
            }
            start = index + 1
        }
    }

    /// Masks what follows the names of services whose addresses let everybody post who knows them.
    private static func maskAddresses(_ bytes: inout [UInt8]) {
        for host in TenantSpec.Notify.secretHosts.map({ Array($0.utf8) }) {
            var index = 0
            while index + host.count < bytes.count {
                guard bytes[index] == host[0], bytes[index...].starts(with: host) else {
                    index += 1
                    continue
                }
                index += host.count
                let end = bytes[index...].firstIndex { $0 <= 0x20 || $0 == UInt8(ascii: "\"") } ?? bytes.count
                blot(&bytes, from: index, to: end)
                index = end
            }
        }
    }

    /// Masks text after a key that is not a reference, even in a file that is not valid YAML.
    private static func maskLiterals(of name: String, in bytes: inout [UInt8]) {
        let key = Array(name.utf8)
        var index = 0
        while index + key.count < bytes.count {
            guard bytes[index] == key[0], bytes[index...].starts(with: key) else {
                index += 1
                continue
            }
            index += key.count
            // A word in a text, not a key.
            guard bytes[index...].prefix(4).contains(UInt8(ascii: ":")), !isWord(bytes[index]) else { continue }
            while index < bytes.count,
                [UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: ":"), 0x20].contains(bytes[index])
            {
                index += 1
            }
            let rest = bytes[index...]
            let isReference = rest.starts(with: Array("env:".utf8)) || rest.starts(with: Array("file:".utf8))
            let end =
                rest.firstIndex { [0x0A, 0x0D, 0x20, UInt8(ascii: ","), UInt8(ascii: "}")].contains($0) } ?? bytes.count
            if !isReference { blot(&bytes, from: index, to: end) }
            index = max(index, end)
        }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
}
