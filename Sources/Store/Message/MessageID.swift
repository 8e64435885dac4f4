public import Foundation

/// Makes ids of runs and messages: a message's id is its run's id with the position in the last 40 bits.
///
/// The primary key of `campaign_messages` is thereby the order of sending, a range of positions is a range of keys, and
/// ids of later runs come after those of earlier ones. Runs get 48 bits of time and 34 random bits; both keep the version
/// (8, custom) and variant of RFC 9562.
public enum MessageID {
    /// The highest position of a run that an id can hold.
    public static let maximumPosition = 1 << 40 - 1

    /// Makes a new id for a run.
    public static func makeRun(at now: Date, using generator: inout some RandomNumberGenerator) -> UUID {
        let milliseconds = UInt64(max(0, now.timeIntervalSince1970 * 1000))
        let random = UInt64.random(in: 0..<1 << 34, using: &generator)
        let high = milliseconds << 16 | 0x8000 | random >> 22
        let low = 0b10 << 62 | (random & 0x3f_ffff) << 40
        return uuid(high: high, low: low)
    }

    /// Returns the id of the message at a position (from 1) of a run.
    public static func make(run: UUID, position: Int) -> UUID {
        let (high, low) = words(run)
        return uuid(high: high, low: low & ~0xff_ffff_ffff | UInt64(position))
    }

    /// Returns the run that a message belongs to.
    public static func run(of message: UUID) -> UUID {
        let (high, low) = words(message)
        return uuid(high: high, low: low & ~0xff_ffff_ffff)
    }

    private static func words(_ id: UUID) -> (high: UInt64, low: UInt64) {
        let b = id.uuid
        let high = [b.0, b.1, b.2, b.3, b.4, b.5, b.6, b.7].reduce(0) { $0 << 8 | UInt64($1) }
        let low = [b.8, b.9, b.10, b.11, b.12, b.13, b.14, b.15].reduce(0) { $0 << 8 | UInt64($1) }
        return (high, low)
    }

    private static func uuid(high: UInt64, low: UInt64) -> UUID {
        func byte(_ word: UInt64, _ index: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: word >> (56 - 8 * index)) }
        return UUID(
            uuid: (
                byte(high, 0), byte(high, 1), byte(high, 2), byte(high, 3),
                byte(high, 4), byte(high, 5), byte(high, 6), byte(high, 7),
                byte(low, 0), byte(low, 1), byte(low, 2), byte(low, 3),
                byte(low, 4), byte(low, 5), byte(low, 6), byte(low, 7)
            )
        )
    }
}
