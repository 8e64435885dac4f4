import Foundation

/// How much of a time somebody had to wait for a processor, as the kernel counts it.
///
/// A pace is a matter of milliseconds, and cannot be judged to the last request while others take the machine away.
struct CPUPressure: Sendable {
    private let start = ContinuousClock.now
    private let before = total()

    /// The share since this value was made, 0 to 1; 0 where the kernel does not say.
    var share: Double {
        guard let before, let now = Self.total() else { return 0 }
        return Double(now - before) / max(1, (ContinuousClock.now - start) / .microseconds(1))
    }

    /// Microseconds since the start of the machine.
    private static func total() -> Int? {
        let text = (try? String(contentsOfFile: "/proc/pressure/cpu", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("some ") }
        return line?.split(separator: "total=").last.flatMap { Int($0) }
    }
}
