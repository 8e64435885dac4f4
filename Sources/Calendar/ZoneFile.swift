internal import Foundation

/// Reads the compiled IANA database: the format TZif of RFC 9636.
enum ZoneFile {
    /// The changes of a zone's clock.
    struct Transitions: Equatable {
        let initialOffset: Int64
        let changes: [Change]
    }

    /// From this instant on, clocks are this many seconds ahead of UTC.
    struct Change: Equatable {
        let instant: Int64
        let offset: Int64
    }

    /// Rules of the far future are written out until then.
    static let lastYear = 2200

    private static let directory = "/usr/share/zoneinfo"

    /// The changes of a zone until ``lastYear``; `nil` if there is no such zone.
    static func transitions(of identifier: String) -> Transitions? {
        if let data = FileManager.default.contents(atPath: "\(directory)/\(identifier)") {
            return parse([UInt8](data))
        }
        // A machine without the database has the copy that Foundation brings along.
        guard !FileManager.default.fileExists(atPath: "\(directory)/UTC"),
            TimeZone.knownTimeZoneIdentifiers.contains(identifier) || identifier == "UTC",
            let zone = TimeZone(identifier: identifier)
        else { return nil }
        return transitions(of: zone)
    }

    private static func transitions(of zone: TimeZone) -> Transitions {
        var date = Date(timeIntervalSince1970: 0)
        let initial = Int64(zone.secondsFromGMT(for: date))
        let end = Date(timeIntervalSince1970: Double(CivilDate(year: lastYear, month: 1, day: 1).days * 86_400))
        var changes: [Change] = []
        while let next = zone.nextDaylightSavingTimeTransition(after: date), next < end, next > date {
            let instant = Int64(next.timeIntervalSince1970.rounded())
            changes.append(Change(instant: instant, offset: Int64(zone.secondsFromGMT(for: next))))
            date = next
        }
        return Transitions(initialOffset: initial, changes: changes)
    }

    /// Reads a file of version 2 or later, whose second block has 64-bit times and a rule for the future.
    static func parse(_ bytes: [UInt8]) -> Transitions? {
        guard let first = Header(bytes, at: 0), first.version >= 2 else { return nil }
        let start = first.end(timeSize: 4)
        guard let header = Header(bytes, at: start) else { return nil }
        var offset = start + Header.size
        let times = (0..<header.times).map { big(bytes, offset + $0 * 8, 8) }
        offset += header.times * 8
        let types = bytes[offset..<offset + header.times].map(Int.init)
        offset += header.times
        let offsets = (0..<header.types).map { big(bytes, offset + $0 * 6, 4) }
        guard let initial = offsets.first, types.allSatisfy(offsets.indices.contains) else { return nil }
        var changes = zip(times, types).map { Change(instant: $0, offset: offsets[$1]) }
        let footer = String(decoding: bytes[header.end(timeSize: 8)...], as: UTF8.self)
            .trimmingCharacters(in: .newlines)
        if !footer.isEmpty {
            guard let rule = PosixZoneRule(footer) else { return nil }
            let last = changes.last?.instant ?? .min
            changes += rule.changes(through: lastYear, after: last)
        }
        return Transitions(initialOffset: initial, changes: changes)
    }

    private struct Header {
        static let size = 44

        let version: Int
        let start: Int
        let (isUT, isStandard, leaps, times, types, characters): (Int, Int, Int, Int, Int, Int)

        init?(_ bytes: [UInt8], at start: Int) {
            guard bytes.count >= start + Self.size, bytes[start..<start + 4].elementsEqual("TZif".utf8) else {
                return nil
            }
            self.start = start
            version = bytes[start + 4] == 0 ? 1 : Int(bytes[start + 4]) - 48
            func count(_ index: Int) -> Int { Int(big(bytes, start + 20 + index * 4, 4)) }
            (isUT, isStandard, leaps, times, types, characters) = (
                count(0), count(1), count(2), count(3), count(4), count(5)
            )
            guard [isUT, isStandard, leaps, times, types, characters].allSatisfy({ (0...100_000).contains($0) }),
                bytes.count >= end(timeSize: version == 1 || start == 0 ? 4 : 8)
            else { return nil }
        }

        /// The byte behind the block.
        func end(timeSize: Int) -> Int {
            start + Self.size + times * (timeSize + 1) + types * 6 + characters + leaps * (timeSize + 4) + isStandard
                + isUT
        }
    }

    /// A signed number with its highest byte first.
    private static func big(_ bytes: [UInt8], _ start: Int, _ size: Int) -> Int64 {
        let value = bytes[start..<start + size].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return size == 4 ? Int64(Int32(truncatingIfNeeded: value)) : Int64(bitPattern: value)
    }
}
