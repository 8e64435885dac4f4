import Foundation

/// A date and time on the wall, as specs write it: `2026-12-01T09:00`.
struct LocalTime: Hashable, Sendable {
    /// The instant at which a clock without any zone shows this.
    private let wall: Date

    /// Reads a date with hours and minutes, and seconds if there are any; anything else is `nil`.
    init?(_ text: String) {
        let parts = text.split(whereSeparator: { "-T:".contains($0) }).map { Int($0) }
        guard (5...6).contains(parts.count), let fields = parts as? [Int] else { return nil }
        var components = DateComponents()
        (components.year, components.month, components.day) = (fields[0], fields[1], fields[2])
        (components.hour, components.minute) = (fields[3], fields[4])
        components.second = fields.count > 5 ? fields[5] : 0
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        guard let wall = calendar.date(from: components) else { return nil }
        self.wall = wall
    }

    /// The first instant at which clocks of the zone show this; the end of the gap if they never do.
    func instant(in zone: TimeZone) -> Date {
        // The offsets that may apply are those of shortly before and after.
        let offsets = [-86_400.0, 86_400].map { zone.secondsFromGMT(for: wall.addingTimeInterval($0)) }
        let candidates = offsets.map { wall.addingTimeInterval(-Double($0)) }.sorted()
        let first = candidates.first { zone.secondsFromGMT(for: $0) == Int(wall.timeIntervalSince($0).rounded()) }
        if let first { return first }
        return candidates.first.flatMap { zone.nextDaylightSavingTimeTransition(after: $0) } ?? candidates[0]
    }
}
