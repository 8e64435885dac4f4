/// Whom a message is for: a phone number, a group, or a user known to the business by id.
struct Recipient: Hashable, Sendable {
    enum Kind: Sendable { case phone, group, user }

    let kind: Kind
    /// What the caller wrote.
    let input: String
    /// The digits of a phone number, or the id of a group or user.
    let id: String
    /// A number for ``id``: a phone number is its own, all others are hashed above those.
    let key: UInt64

    /// Reads a phone number; spaces, hyphens and parentheses between the digits do not count.
    init?(to input: String, requiresPlus: Bool) {
        var digits: [UInt8] = []
        var key: UInt64 = 0
        var hasPlus = false
        for (index, byte) in input.utf8.enumerated() {
            switch byte {
            case UInt8(ascii: "+") where index == 0: hasPlus = true
            case UInt8(ascii: " "), UInt8(ascii: "-"), UInt8(ascii: "("), UInt8(ascii: ")"): continue
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                guard digits.count < 15 else { return nil }
                digits.append(byte)
                key = key * 10 + UInt64(byte - UInt8(ascii: "0"))
            default: return nil
            }
        }
        guard hasPlus || !requiresPlus, digits.count >= 7, digits[0] != UInt8(ascii: "0") else { return nil }
        kind = .phone
        self.input = input
        id = String(decoding: digits, as: UTF8.self)
        self.key = key
    }

    /// Takes the id of a group or user as it is; `nil` when it is empty or longer than 128 bytes.
    init?(id: String, kind: Kind) {
        guard (1...128).contains(id.utf8.count) else { return nil }
        self.kind = kind
        input = id
        self.id = id
        key = Self.hash(id) | 1 << 63
    }

    /// FNV-1a over the bytes: the same in every process, unlike `Hasher`.
    static func hash(_ text: String) -> UInt64 {
        text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0100_0000_01B3 }
    }
}
