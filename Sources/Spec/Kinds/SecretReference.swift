/// Where a secret is found; never the secret itself.
public enum SecretReference: Hashable, Sendable, CustomStringConvertible {
    /// An environment variable of the daemon.
    case environment(String)
    /// A file on the daemon's machine, by its absolute path.
    case file(String)

    /// Reads `env:NAME` or `file:/path`; anything else is `nil`, and perhaps a secret: do not show it.
    public init?(_ text: String) {
        if text.hasPrefix("env:") {
            let name = text.dropFirst(4)
            let isValid = name.utf8.allSatisfy { byte in
                byte == UInt8(ascii: "_") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte & 0xDF) && byte < 0x80
            }
            guard isValid, let first = name.first, !first.isNumber else { return nil }
            self = .environment(String(name))
        } else if text.hasPrefix("file:/"), text.utf8.count > 6 {
            self = .file(String(text.dropFirst(5)))
        } else {
            return nil
        }
    }

    /// The reference as it stands in a spec.
    public var description: String {
        switch self {
        case .environment(let name): "env:\(name)"
        case .file(let path): "file:\(path)"
        }
    }
}
