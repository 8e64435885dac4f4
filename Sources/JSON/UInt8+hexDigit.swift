extension UInt8 {
    /// The value of a hexadecimal digit, in letters of either size; `nil` for any other character.
    ///
    /// To be inlined wherever it is called, as each webhook and each id has dozens of digits.
    @inlinable
    package init?(hexDigit character: UInt8) {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self = character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self = character - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self = character - UInt8(ascii: "A") + 10
        default: return nil
        }
    }
}
