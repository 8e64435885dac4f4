package import Foundation

/// The id as answers and queues have it: in small letters.
///
/// Foundation prints and reads it with the formats of C, which takes twenty times as long; every message is named some
/// ten times on its way.
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
