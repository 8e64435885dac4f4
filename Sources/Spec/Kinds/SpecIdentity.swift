/// The permanent identity of a spec and of its row: `acme/Campaign/overdue-reminder`.
public struct SpecIdentity: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let tenant: String
    public let kind: SpecKind
    public let name: String

    /// Makes an identity; tenant and name are slugs.
    public init(tenant: String, kind: SpecKind, name: String) {
        (self.tenant, self.kind, self.name) = (tenant, kind, name)
    }

    /// Tenant, kind and name joined by slashes.
    public var description: String { "\(tenant)/\(kind.rawValue)/\(name)" }

    /// Orders by tenant, then by kind as applied, then by name.
    public static func < (left: Self, right: Self) -> Bool {
        (left.tenant, left.kind, left.name) < (right.tenant, right.kind, right.name)
    }

    /// Returns true if a text can be a name: 1 to 63 of `a-z`, `0-9` and `-`, not starting with a hyphen.
    public static func isSlug(_ text: String) -> Bool {
        let bytes = text.utf8
        guard (1...63).contains(bytes.count), bytes.first != UInt8(ascii: "-") else { return false }
        return bytes.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || byte == UInt8(ascii: "-")
        }
    }
}
