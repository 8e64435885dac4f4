/// Unpacks data in the format Deflate (RFC 1951).
struct Inflater {
    private let input: ArraySlice<UInt8>
    private let limit: Int
    private var place: Int
    private var bits = 0
    private var bitCount = 0
    private var output: [UInt8] = []

    /// Makes an inflater for some bytes, which fails beyond `limit` bytes of output.
    init(_ input: ArraySlice<UInt8>, limit: Int) {
        (self.input, self.limit, place) = (input, limit, input.startIndex)
    }

    /// Returns the unpacked bytes; `nil` if the input is damaged, or the output would be too large.
    mutating func inflate() -> [UInt8]? {
        while true {
            guard let isLast = take(1), let type = take(2) else { return nil }
            let isRead: Bool
            switch type {
            case 0: isRead = copyStored()
            case 1: isRead = expand(Self.fixedLiterals, Self.fixedDistances)
            case 2:
                guard let (literals, distances) = readCodes() else { return nil }
                isRead = expand(literals, distances)
            default: isRead = false
            }
            guard isRead else { return nil }
            if isLast == 1 { return output }
        }
    }

    /// A prefix code: how many codes of each length there are, and the symbols in their order.
    private struct Code {
        var counts = [Int](repeating: 0, count: 16)
        var symbols: [Int] = []

        init(lengths: some Collection<Int>) {
            for length in lengths where length > 0 { counts[length] += 1 }
            symbols = lengths.enumerated().filter { $0.element > 0 }.sorted {
                ($0.element, $0.offset) < ($1.element, $1.offset)
            }
            .map(\.offset)
        }
    }

    private static let fixedLiterals = Code(
        lengths: (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 }
    )
    private static let fixedDistances = Code(lengths: [Int](repeating: 5, count: 30))
    /// The order in which a block tells the lengths of the codes of lengths.
    private static let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

    /// Takes some bits, the lowest first; `nil` at the end.
    private mutating func take(_ count: Int) -> Int? {
        while bitCount < count {
            guard place < input.endIndex else { return nil }
            bits |= Int(input[place]) << bitCount
            place += 1
            bitCount += 8
        }
        defer {
            bits >>= count
            bitCount -= count
        }
        return bits & ((1 << count) - 1)
    }

    private mutating func symbol(_ code: Code) -> Int? {
        var (value, first, index) = (0, 0, 0)
        for length in 1..<16 {
            guard let bit = take(1) else { return nil }
            value |= bit
            let count = code.counts[length]
            if value - first < count {
                let position = index + value - first
                // Damaged codes have more symbols of a length than fit.
                return code.symbols.indices.contains(position) ? code.symbols[position] : nil
            }
            index += count
            first = (first + count) << 1
            value <<= 1
        }
        return nil
    }

    private mutating func copyStored() -> Bool {
        (bits, bitCount) = (0, 0)
        guard let length = take(16), let complement = take(16), length == ~complement & 0xFFFF,
            place + length <= input.endIndex, output.count + length <= limit
        else { return false }
        output += input[place..<(place + length)]
        place += length
        return true
    }

    /// Reads the codes of a block that brings its own.
    private mutating func readCodes() -> (literals: Code, distances: Code)? {
        guard let literals = take(5), let distances = take(5), let count = take(4) else { return nil }
        var lengths = [Int](repeating: 0, count: 19)
        for index in 0..<(count + 4) {
            guard let length = take(3) else { return nil }
            lengths[Self.order[index]] = length
        }
        let code = Code(lengths: lengths)
        let total = literals + 257 + distances + 1
        var all: [Int] = []
        while all.count < total {
            guard let symbol = symbol(code) else { return nil }
            switch symbol {
            case 0..<16: all.append(symbol)
            case 16:
                guard let more = take(2), let last = all.last else { return nil }
                all += [Int](repeating: last, count: more + 3)
            case 17:
                guard let more = take(3) else { return nil }
                all += [Int](repeating: 0, count: more + 3)
            default:
                guard let more = take(7) else { return nil }
                all += [Int](repeating: 0, count: more + 11)
            }
        }
        guard all.count == total else { return nil }
        return (Code(lengths: all[..<(literals + 257)]), Code(lengths: all[(literals + 257)...]))
    }

    /// Unpacks the literals and copies of a block.
    private mutating func expand(_ literals: Code, _ distances: Code) -> Bool {
        while true {
            guard let symbol = symbol(literals), output.count < limit else { return false }
            if symbol < 256 {
                output.append(UInt8(symbol))
                continue
            }
            if symbol == 256 { return true }
            guard let length = length(symbol), let code = self.symbol(distances), let distance = distance(code),
                distance <= output.count, output.count + length <= limit
            else { return false }
            for _ in 0..<length { output.append(output[output.count - distance]) }
        }
    }

    private mutating func length(_ symbol: Int) -> Int? {
        switch symbol {
        case 257..<265: return symbol - 254
        case 265..<285:
            let extra = (symbol - 261) / 4
            return take(extra).map { ((symbol - 261) % 4 + 4) << extra + 3 + $0 }
        case 285: return 258
        default: return nil
        }
    }

    private mutating func distance(_ symbol: Int) -> Int? {
        guard symbol < 30 else { return nil }
        guard symbol > 3 else { return symbol + 1 }
        let extra = symbol / 2 - 1
        return take(extra).map { (symbol % 2 + 2) << extra + 1 + $0 }
    }
}
