import Dispatch
import Foundation
import Synchronization

/// Notices when the machine had no time for anybody.
///
/// The receiver writes down when it *got round* to a request. On a busy machine that is later than the request arrived,
/// for one more than for another, and requests of a longer time seem to come within one second. A thread that wants to
/// wake up every 2 ms feels the same delays.
final class Metronome: Sendable {
    /// Nanoseconds of the monotonic clock, as in the ledger.
    struct Stall: Sendable {
        let end: Int64
        let length: Int64
    }

    private static let beat: Int64 = 2_000_000
    private static let noticeable: Int64 = 8_000_000

    private let state = Mutex<(stalls: [Stall], isOver: Bool)>(([], false))

    func start() {
        Thread.detachNewThread {
            var last = Self.now()
            while !self.state.withLock({ $0.isOver }) {
                usleep(UInt32(Self.beat / 1_000))
                let now = Self.now()
                let late = now - last - Self.beat
                if late > Self.noticeable { self.state.withLock { $0.stalls.append(Stall(end: now, length: late)) } }
                last = now
            }
        }
    }

    /// Ends the thread.
    ///
    /// - Returns: All times at which nothing went on.
    func stop() -> [Stall] {
        state.withLock { state in
            state.isOver = true
            return state.stalls
        }
    }

    /// Dispatch counts by the monotonic clock on Linux.
    private static func now() -> Int64 { Int64(DispatchTime.now().uptimeNanoseconds) }
}
