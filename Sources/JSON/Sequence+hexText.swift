extension Sequence<UInt8> {
    /// Two lower-case hexadecimal digits for each byte, as digests are written.
    package var hexText: String {
        let digits = Array("0123456789abcdef".utf8)
        let text = flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }
}
