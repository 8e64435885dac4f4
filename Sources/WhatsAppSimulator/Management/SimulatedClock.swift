import Synchronization

/// The time of the management side: the wall clock, moved forward on demand, so that waits of days take no time.
public final class SimulatedClock: Sendable {
    static let second: Int64 = 1_000
    static let hour: Int64 = 3_600_000
    static let day: Int64 = 86_400_000

    private let source: @Sendable () -> Int64
    private let offset = Mutex<Int64>(0)

    /// Makes a clock.
    ///
    /// - Parameter milliseconds: The milliseconds since 1970; `nil` takes the wall clock.
    public init(milliseconds: (@Sendable () -> Int64)? = nil) {
        source = milliseconds ?? { MonotonicTime.wall() }
    }

    /// The present time, in milliseconds since 1970.
    public var now: Int64 { source() + offset.withLock { $0 } }

    /// Moves the clock forward; a negative duration changes nothing.
    public func advance(by duration: Duration) {
        offset.withLock { $0 += max(0, duration.nanoseconds / 1_000_000) }
    }
}

/// Counts events in a moving time.
struct MovingCount: Sendable {
    private var times: [Int64] = []

    /// Returns the number of events in the `length` that ends now, both in milliseconds.
    func count(in length: Int64, now: Int64) -> Int { times.count { $0 > now - length } }

    /// Counts an event, and forgets those that are older than `length`.
    mutating func add(_ now: Int64, keeping length: Int64) {
        if let first = times.first, first <= now - length { times.removeAll { $0 <= now - length } }
        times.append(now)
    }

    /// Returns the time from now until the first event leaves the `length`, in milliseconds; 0 without events.
    func wait(for length: Int64, now: Int64) -> Int64 {
        times.first { $0 > now - length }.map { $0 + length - now } ?? 0
    }
}
