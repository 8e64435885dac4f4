/// The ids that WhatsApp gives people whose number may be hidden, unique for each business portfolio: `KE.40512998877`.
public enum UserID {
    /// Returns true for a country code, a dot, and letters, digits and dots.
    public static func isUserID(_ text: some Collection<UInt8>) -> Bool {
        let rest = text.dropFirst(3)
        return !rest.isEmpty && text.prefix(2).allSatisfy(isCapital) && text.dropFirst(2).first == UInt8(ascii: ".")
            && rest.allSatisfy { isCapital($0) || isCapital($0 & 0xDF) || (0x30...0x39).contains($0) || $0 == 0x2E }
    }

    private static func isCapital(_ byte: UInt8) -> Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) }
}
