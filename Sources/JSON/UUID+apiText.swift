package import Foundation
import Synchronization

/// The text form of ids in answers and queues: lower-case letters.
///
/// Foundation uses the format functions of C, which take twenty times as long, and every message formats an id about
/// ten times.
extension UUID {
    package var apiText: String {
        var id = uuid
        return unsafe withUnsafeBytes(of: &id) { bytes in
            unsafe String(unsafeUninitializedCapacity: Self.textLength) { text in
                var end = 0
                for index in 0..<bytes.count {
                    if Self.followsHyphen(index) {
                        unsafe text[end] = UInt8(ascii: "-")
                        end += 1
                    }
                    unsafe text[end] = Self.digit(bytes[index] >> 4)
                    unsafe text[end + 1] = Self.digit(bytes[index] & 15)
                    end += 2
                }
                return end
            }
        }
    }

    /// Reads 32 digits in five groups, in letters of either size; `nil` for anything else.
    package init?(apiText: some StringProtocol) {
        var id: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        var digits = apiText.utf8.makeIterator()
        let isWhole = unsafe withUnsafeMutableBytes(of: &id) { bytes in
            for index in 0..<bytes.count {
                if Self.followsHyphen(index), digits.next() != UInt8(ascii: "-") { return false }
                guard let high = digits.next().flatMap(UInt8.init(hexDigit:)),
                    let low = digits.next().flatMap(UInt8.init(hexDigit:))
                else { return false }
                unsafe bytes[index] = high << 4 | low
            }
            return digits.next() == nil
        }
        guard isWhole else { return nil }
        self.init(uuid: id)
    }

    private static let textLength = 36

    private static func followsHyphen(_ index: Int) -> Bool {
        index == 4 || index == 6 || index == 8 || index == 10
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}

extension UUID {
    /// Makes a new id of version 7 (RFC 9562 §5.7): milliseconds since 1970, then 74 random bits.
    ///
    /// Rows that are inserted together are neighbours in their index. Foundation's `UUID()` opens `/dev/urandom` for
    /// each id, and a system generator asks the kernel for each number, which took three percent of the daemon's time
    /// under load of the trigger hook.
    ///
    /// - Parameter date: The time in the id, from 1970 to the year 10889.
    /// - Returns: An id that cannot be guessed from others.
    package static func timeOrdered(at date: Date = Date()) -> UUID {
        let milliseconds = UInt64(max(0, date.timeIntervalSince1970 * 1_000))
        let (one, two) = randomness.withLock { ($0.next(), $0.next()) }
        let high = (milliseconds << 16 | 0x7000 | one & 0x0fff).bigEndian
        let low = (0x8000_0000_0000_0000 | two >> 2).bigEndian
        return UUID(uuid: unsafe unsafeBitCast((high, low), to: uuid_t.self))
    }

    private static let randomness = Mutex(RandomReserve())
}

/// Random numbers of the kernel, fetched in batches; each is used only once.
private struct RandomReserve {
    /// The most that the kernel returns in one uninterrupted call: `getentropy(3)`.
    private static let size = 256 / MemoryLayout<UInt64>.size

    private var numbers: [UInt64] = []

    mutating func next() -> UInt64 {
        if numbers.isEmpty { fetch() }
        return numbers.removeLast()
    }

    private mutating func fetch() {
        numbers = unsafe Array(unsafeUninitializedCapacity: Self.size) { buffer, count in
            let bytes = UnsafeMutableRawBufferPointer(buffer)
            // Fails only if the kernel lacks the call; then numbers are fetched one by one.
            count = unsafe getentropy(bytes.baseAddress, bytes.count) == 0 ? Self.size : 0
        }
        var generator = SystemRandomNumberGenerator()
        while numbers.count < Self.size { numbers.append(generator.next()) }
    }
}

extension Sequence<UInt8> {
    /// Two lower-case hexadecimal digits for each byte, as digests are written.
    package var hexText: String {
        let digits = Array("0123456789abcdef".utf8)
        let text = flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }
}

extension UInt8 {
    /// Reads a hexadecimal digit, in letters of either size; `nil` for any other character.
    ///
    /// Inlined at each call, because each webhook and each id has dozens of digits.
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
