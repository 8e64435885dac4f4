package import Foundation

extension IANAZone {
    /// Says what the clocks do around a time: they skip, show it twice, or change on that day.
    ///
    /// - Parameter date: The time.
    /// - Returns: A sentence without a full stop; `nil` if the clocks do not change on the local day of the time.
    package func remark(at date: Date) -> String? {
        let instant = Int64(date.timeIntervalSince1970.rounded(.down))
        let position = index(at: instant)
        let segment = segments[position]
        let local = instant + segment.offset
        if position > 0, instant == segment.start, segment.offset > segments[position - 1].offset {
            return "the clocks go forward to this time, and starts that they skip happen now"
        }
        if case .two(let first, _) = instants(of: local) {
            return "the clocks show this time twice, and this is the \(instant == first ? "first" : "second") one"
        }
        let day = local - Self.remainder(local, 86_400)
        let changes = segments.indices.dropFirst().filter { index in
            let start = segments[index].start
            return start + segments[index].offset >= day && start + segments[index].offset < day + 86_400
        }
        guard let change = changes.first else { return nil }
        let (before, after) = (segments[change - 1].offset, segments[change].offset)
        return "the clocks change from \(Self.text(before)) to \(Self.text(after)) on this day"
    }

    /// Writes an offset as `UTC+2` or `UTC+05:30`.
    package static func text(_ offset: Int64) -> String {
        let minutes = abs(offset) / 60
        let rest = minutes % 60 == 0 ? "" : ":\(minutes % 60 < 10 ? "0" : "")\(minutes % 60)"
        return "UTC\(offset < 0 ? "-" : "+")\(minutes / 60)\(rest)"
    }

    private static func remainder(_ number: Int64, _ divisor: Int64) -> Int64 {
        let rest = number % divisor
        return rest < 0 ? rest + divisor : rest
    }
}
