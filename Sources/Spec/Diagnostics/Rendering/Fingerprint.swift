/// A short name for texts that stays the same from run to run and from machine to machine; not for secrets.
enum Fingerprint {
    /// The 64-bit FNV-1a hash of some texts, as 16 hexadecimal digits.
    static func hash(_ texts: [String]) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        func take(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        for text in texts {
            for byte in text.utf8 { take(byte) }
            // No UTF-8 text has this byte, so that it tells `ab`, `c` from `a`, `bc`.
            take(0xFF)
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
