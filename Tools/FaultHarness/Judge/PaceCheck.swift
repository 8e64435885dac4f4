import Dispatch
import Foundation
import Synchronization
import WhatsAppSimulator

/// Looks for seconds with more requests than the rate allows, sender by sender.
struct PaceCheck: Sendable {
    /// The share of the rate at which slots are granted.
    private static let share = 0.96
    private static let second: Int64 = 1_000_000_000

    let ratePerSecond: Int
    /// Difference between the delays of two requests that the setup causes, in seconds.
    let jitter: Double
    let stalls: [Metronome.Stall]

    /// Findings about the requests of one sender.
    struct Finding: Sendable {
        var most = 0
        /// Requests in each second that is over the rate and not explained by a stall.
        var excess: [Int] = []
    }

    /// Checks the requests of one sender, ordered by time.
    func check(_ requests: [LedgerEntry]) -> Finding {
        var finding = Finding()
        var second = SlidingSecond()
        for (end, request) in requests.enumerated() {
            let count = second.add(request.monotonic)
            let first = requests[end - count + 1].monotonic
            if count > ratePerSecond, count > allowed(from: first, to: request.monotonic) {
                finding.excess.append(count)
            }
        }
        finding.most = second.most
        return finding
    }

    /// Returns how many evenly spaced requests fit into a second if stalls delayed some of them.
    private func allowed(from start: Int64, to end: Int64) -> Int {
        let held = stalls.filter { $0.end > start - Self.second / 4 && $0.end - $0.length < end + Self.second / 20 }
            .map(\.length).reduce(0, +)
        let delay = jitter + Double(held) / Double(Self.second)
        return Int(Double(ratePerSecond) * Self.share * (1 + delay)) + 1
    }
}

/// Records stalls of the machine.
///
/// The receiver records when it processed a request. On a busy machine that is some time after the request arrived, and
/// the delay varies, so requests of more than a second seem to come within one. A thread that wakes up every 2 ms
/// measures the same delays.
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
    /// - Returns: All stalls.
    func stop() -> [Stall] {
        state.withLock { state in
            state.isOver = true
            return state.stalls
        }
    }

    /// Reads the monotonic clock, which Dispatch uses on Linux.
    private static func now() -> Int64 { Int64(DispatchTime.now().uptimeNanoseconds) }
}

/// The share of time in which a process waited for a processor, as counted by the kernel.
///
/// A pace depends on milliseconds, so it cannot be judged to the last request on a busy machine.
struct CPUPressure: Sendable {
    private let start = ContinuousClock.now
    private let before = total()

    /// The share since this value was created, 0 to 1; 0 if the kernel does not report it.
    var share: Double {
        guard let before, let now = Self.total() else { return 0 }
        return Double(now - before) / max(1, (ContinuousClock.now - start) / .microseconds(1))
    }

    /// Reads for how many microseconds since boot a task has waited for a processor.
    private static func total() -> Int? {
        let text = (try? String(contentsOfFile: "/proc/pressure/cpu", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("some ") }
        return line?.split(separator: "total=").last.flatMap { Int($0) }
    }
}
