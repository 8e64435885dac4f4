/// A Lua script with its digest, made once and run many times.
///
/// Never put values into the source: each different source stays in the server's script cache. Pass them as keys and
/// arguments.
public final class RedisScript: Sendable {
    /// What errors and log lines call the script.
    public let name: String
    public let source: String
    /// The digest under which Redis caches the script: 40 lower-case hexadecimal digits.
    public let sha1: String

    /// Makes a script and computes its digest.
    public init(name: String, source: String) {
        self.name = name
        self.source = source
        self.sha1 = SHA1.hexDigest(of: source.utf8)
    }
}
