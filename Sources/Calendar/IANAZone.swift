internal import Foundation
import Spelling
internal import Synchronization

/// A time zone of the IANA database, with all its changes of the clock.
public struct IANAZone: Hashable, Sendable {
    /// The instants at which clocks show a local time.
    package enum Instants: Hashable, Sendable {
        /// The clocks skip the time: the gap ends at this instant.
        case gap(end: Int64)
        case one(Int64)
        case two(Int64, Int64)
    }

    /// A period of time with one offset from UTC.
    package struct Segment: Hashable, Sendable {
        /// The first instant; `Int64.min` for the first period.
        package let start: Int64
        /// The instant after the last; `Int64.max` for the last period.
        let end: Int64
        /// Seconds that the clocks are ahead of UTC.
        package let offset: Int64

        package var localStart: Int64 { start == .min ? .min : start + offset }
        package var localEnd: Int64 { end == .max ? .max : end + offset }
    }

    /// The seconds to search on either side: two days, which is enough because no clock change is larger than one day.
    private static let reach: Int64 = 2 * 86_400

    /// The name of the zone, such as `Africa/Nairobi`.
    public let identifier: String
    package let segments: [Segment]

    /// The zone `UTC`.
    package static let utc = IANAZone(identifier: "UTC", segments: [Segment(start: .min, end: .max, offset: 0)])

    private static let cache = Mutex<[String: IANAZone]>([:])

    private init(identifier: String, segments: [Segment]) {
        (self.identifier, self.segments) = (identifier, segments)
    }

    /// Finds a zone by its name in the IANA database, exactly as it is written there; `nil` if no zone has the name.
    public init?(_ identifier: String) {
        if let known = Self.cache.withLock({ $0[identifier] }) {
            self = known
            return
        }
        guard Self.isWellFormed(identifier), let transitions = ZoneFile.transitions(of: identifier) else { return nil }
        self.identifier = identifier
        segments = Self.segments(transitions)
        let zone = self
        Self.cache.withLock { $0[identifier] = zone }
    }

    /// Returns the names that an author may have meant; the closest first, at most three.
    public static func candidates(for identifier: String) -> [String] {
        let known = TimeZone.knownTimeZoneIdentifiers
        let lowered = identifier.lowercased()
        if let exact = known.first(where: { $0.lowercased() == lowered }) { return [exact] }
        let cities = known.filter { $0.lowercased().hasSuffix("/" + lowered.replacing(" ", with: "_")) }
        return cities.isEmpty ? SpellingSuggestion.candidates(for: identifier, among: known) : Array(cities.prefix(3))
    }

    /// Compares the names: zones with the same name are equal.
    public static func == (left: Self, right: Self) -> Bool { left.identifier == right.identifier }

    public func hash(into hasher: inout Hasher) { hasher.combine(identifier) }

    /// Returns by how many seconds the clocks are ahead of UTC at an instant.
    func offset(at instant: Int64) -> Int64 {
        segments[index(at: instant)].offset
    }

    /// Returns the index of the segment that contains an instant.
    package func index(at instant: Int64) -> Int {
        var (low, high) = (0, segments.count - 1)
        while low < high {
            let middle = (low + high + 1) / 2
            if segments[middle].start <= instant { low = middle } else { high = middle - 1 }
        }
        return low
    }

    /// Returns what the clocks show in the days after an instant: zones with the same result show the same then.
    package func clock(from instant: Int64, days: Int) -> [Segment] {
        let last = instant + Int64(days) * 86_400
        return segments[index(at: instant)...index(at: last)].map { segment in
            Segment(start: max(segment.start, instant), end: min(segment.end, last), offset: segment.offset)
        }
    }

    /// Returns the instants at which the clocks show a local time, in seconds since 1970-01-01T00:00 local time.
    package func instants(of local: Int64) -> Instants {
        var found: [Int64] = []
        var gapEnd: Int64?
        var position = index(at: local - Self.reach)
        while position < segments.count, segments[position].start <= local + Self.reach {
            let segment = segments[position]
            let instant = local - segment.offset
            if instant >= segment.start, instant < segment.end { found.append(instant) }
            if position > 0, local >= segments[position - 1].localEnd, local < segment.localStart {
                gapEnd = segment.start
            }
            position += 1
        }
        switch (found.first, found.last) {
        case (let first?, let last?): return first == last ? .one(first) : .two(first, last)
        default: return .gap(end: gapEnd ?? local)
        }
    }

    private static func segments(_ transitions: ZoneFile.Transitions) -> [Segment] {
        var segments: [Segment] = []
        var (start, offset) = (Int64.min, transitions.initialOffset)
        for change in transitions.changes where change.offset != offset {
            segments.append(Segment(start: start, end: change.instant, offset: offset))
            (start, offset) = (change.instant, change.offset)
        }
        segments.append(Segment(start: start, end: .max, offset: offset))
        return segments
    }

    /// Returns whether a name may be looked up: names are paths, and none may leave the database; `posix` and `right`
    /// hold copies.
    private static func isWellFormed(_ identifier: String) -> Bool {
        let parts = identifier.split(separator: "/", omittingEmptySubsequences: false)
        guard !["posix", "right"].contains(parts[0]), (1...3).contains(parts.count) else { return false }
        guard !["localtime", "posixrules", "Factory"].contains(identifier) else { return false }
        return parts.allSatisfy { part in
            guard let first = part.utf8.first, (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first & 0xDF) else {
                return false
            }
            return part.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "+-_".utf8.contains(byte)
            }
        }
    }
}
