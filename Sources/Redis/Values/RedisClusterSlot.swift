/// The place of keys in a Redis Cluster.
///
/// Use it to check that the keys of one script lie in one slot.
public enum RedisClusterSlot {
    /// The number of slots of every cluster.
    public static let count = 16_384

    /// Returns the slot of a key, 0 to 16,383: CRC16 of the hash tag if the key has one, else of the whole key.
    ///
    /// A hash tag is what stands between the first `{` and the first `}` after it, unless that is empty.
    public static func slot(for key: String) -> UInt16 {
        crc16(hashed(ArraySlice(key.utf8))) % UInt16(count)
    }

    private static func hashed(_ key: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard let open = key.firstIndex(of: UInt8(ascii: "{")) else { return key }
        let rest = key[(open + 1)...]
        guard let close = rest.firstIndex(of: UInt8(ascii: "}")), close > rest.startIndex else { return key }
        return rest[..<close]
    }

    /// CRC16/XMODEM: polynomial 0x1021, start 0, nothing reflected.
    private static func crc16(_ bytes: ArraySlice<UInt8>) -> UInt16 {
        bytes.reduce(0) { crc, byte in
            (0..<8).reduce(crc ^ UInt16(byte) << 8) { value, _ in
                value & 0x8000 == 0 ? value << 1 : value << 1 ^ 0x1021
            }
        }
    }
}
