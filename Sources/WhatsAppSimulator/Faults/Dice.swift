/// Random decisions that repeat: each roll depends only on the seed, the recipient and what it is for.
struct Dice: Sendable {
    /// What a roll decides; no two decisions share one.
    enum Purpose: UInt64, Sendable {
        case serverError = 1, errorFault, latency, lostAnswer
        case outcome, omittedDelivered, sentDelay, deliveredDelay, readDelay
        case dropped, duplicated, reordered, delayed
    }

    let seed: UInt64

    /// A number from 0 up to but not including 1.
    func roll(_ purpose: Purpose, recipient: UInt64, attempt: UInt64, index: Int = 0) -> Double {
        var value = Self.mix(seed ^ 0x9E37_79B9_7F4A_7C15)
        value = Self.mix(value ^ recipient)
        value = Self.mix(value ^ (attempt &* 0xD6E8_FEB8_6659_FD93))
        value = Self.mix(value ^ (purpose.rawValue << 32 | UInt64(truncatingIfNeeded: index)))
        return Double(value >> 11) / Double(1 << 53)
    }

    /// The finaliser of SplitMix64: every input bit changes about half of the output bits.
    static func mix(_ input: UInt64) -> UInt64 {
        var value = input &+ 0x9E37_79B9_7F4A_7C15
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
