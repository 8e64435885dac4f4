public import Foundation

/// The messages that a sender has to send, run by run, and the order in which its lane sends them.
///
/// Triggered messages go first. Bulk runs take turns, message by message, once their ids are in the lane; the lane takes
/// new ids when half of its window is free, oldest run first.
public struct LaneWork: Hashable, Sendable {
    /// The messages that one run has to send.
    public struct Share: Hashable, Sendable {
        public let run: UUID
        /// Messages in the lane, or being sent.
        public let queued: Int
        /// Messages that wait in Postgres.
        public let pending: Int
        /// Those of them that count against the 24 h quota; they are the last.
        public let outside: Int
        /// True for messages of events.
        public let goesFirst: Bool
        /// Messages that come into the lane together.
        public let chunk: Int

        public init(run: UUID, queued: Int, pending: Int, outside: Int, goesFirst: Bool = false, chunk: Int = 1_000) {
            (self.run, self.queued, self.pending) = (run, max(0, queued), max(0, pending))
            (self.outside, self.goesFirst, self.chunk) = (max(0, outside), goesFirst, max(1, chunk))
        }

        var total: Int { queued + pending }
    }

    /// The place of a run in the order of its lane.
    public struct Place: Hashable, Sendable {
        /// Messages that are sent before its first one.
        public let ahead: Double
        /// Messages that are sent until its last one, that one included.
        public let untilDone: Double
        /// Those of them that count against the 24 h quota.
        public let outside: Double
    }

    /// The steps in which a very large backlog is followed: estimates need no more.
    private static let mostSteps = 200

    private let shares: [Share]
    /// Ids that the lane may hold.
    private let window: Int

    /// Takes the work of a lane.
    ///
    /// - Parameters:
    ///   - shares: The runs, oldest first.
    ///   - ratePerSecond: The sender's rate.
    public init(_ shares: [Share], ratePerSecond: Int) {
        self.shares = shares
        window = Self.window(ratePerSecond: ratePerSecond)
    }

    /// Returns how many ids a lane may hold: ten seconds of sending, within bounds.
    public static func window(ratePerSecond: Int) -> Int {
        min(max(ratePerSecond * 10, 1_000), 10_000)
    }

    /// Finds the place of a run; a run that is not among the shares has nothing to send.
    public func place(of run: UUID) -> Place {
        var (sent, outside) = (0.0, 0.0)
        for share in shares where share.goesFirst {
            let ahead = sent
            sent += Double(share.total)
            outside += Double(min(share.outside, share.total))
            if share.run == run { return Place(ahead: ahead, untilDone: sent, outside: outside) }
        }
        guard let own = shares.first(where: { $0.run == run }), own.total > 0 else {
            return Place(ahead: sent, untilDone: sent, outside: outside)
        }
        var turns = Turns(shares.filter { !$0.goesFirst && $0.total > 0 }, window: window, steps: Self.mostSteps)
        let place = turns.finish(run)
        return Place(ahead: sent + place.ahead, untilDone: sent + place.untilDone, outside: outside + place.outside)
    }
}

/// Runs that take turns, followed until one of them is done.
private struct Turns {
    private struct Line {
        let share: LaneWork.Share
        var queued: Double
        var pending: Double
        var sent: Double { Double(share.total) - queued - pending }
        /// Messages in their window go first.
        var outsideSent: Double { max(0, sent - Double(max(0, share.total - share.outside))) }
    }

    private var lines: [Line]
    private let window: Double

    init(_ shares: [LaneWork.Share], window: Int, steps: Int) {
        lines = shares.map { Line(share: $0, queued: Double($0.queued), pending: Double($0.pending)) }
        self.window = Double(max(window, shares.reduce(0) { $0 + $1.total } / steps))
    }

    private var sent: Double { lines.reduce(0) { $0 + $1.sent } }

    mutating func finish(_ run: UUID) -> LaneWork.Place {
        var ahead: Double?
        while let index = lines.firstIndex(where: { $0.share.run == run }) {
            feed()
            if ahead == nil, lines[index].queued > 0 { ahead = sent }
            guard advance() else { break }
            if lines[index].queued + lines[index].pending < 0.5 { break }
        }
        return LaneWork.Place(
            ahead: ahead ?? 0,
            untilDone: sent,
            outside: lines.reduce(0) { $0 + $1.outsideSent }
        )
    }

    /// Moves ids into the lane, as the feeder does.
    private mutating func feed() {
        var room = window - lines.reduce(0) { $0 + $1.queued }
        guard room >= window / 2 else { return }
        let open = lines.indices.filter { lines[$0].queued + lines[$0].pending > 0 }
        for (number, index) in open.enumerated() where lines[index].pending > 0 {
            let chunk = Double(lines[index].share.chunk)
            let chunks = max(1, (room / Double(open.count - number) / chunk).rounded(.down))
            let fed = min(lines[index].pending, chunks * chunk)
            lines[index].pending -= fed
            lines[index].queued += fed
            room -= fed
        }
    }

    /// Sends in turns until a run's ids are sent, or the lane takes new ones.
    ///
    /// - Returns: False when nothing is left.
    private mutating func advance() -> Bool {
        let active = lines.indices.filter { lines[$0].queued > 0 }
        guard let least = active.map({ lines[$0].queued }).min() else { return false }
        var each = least
        if lines.contains(where: { $0.pending > 0 }) {
            let surplus = lines.reduce(0) { $0 + $1.queued } - window / 2
            each = min(least, max(1, surplus / Double(active.count)))
        }
        for index in active { lines[index].queued = max(0, lines[index].queued - each) }
        return true
    }
}
