public import Foundation

/// Some positions of one run, both ends included.
public struct PositionRange: Hashable, Sendable {
    public let run: UUID
    public let first: Int
    public let last: Int

    public init(run: UUID, first: Int, last: Int) {
        self.run = run
        self.first = first
        self.last = last
    }

    /// The positions from an offset on, where runs are laid end to end.
    public static func ranges(of runs: [(run: UUID, length: Int)], offset: Int, count: Int) -> [PositionRange] {
        var ranges: [PositionRange] = []
        var (skip, left) = (offset, count)
        for (run, length) in runs where left > 0 {
            let taken = min(left, length - skip)
            if taken > 0 { ranges.append(PositionRange(run: run, first: skip + 1, last: skip + taken)) }
            left -= max(0, taken)
            skip = max(0, skip - length)
        }
        return ranges
    }
}
