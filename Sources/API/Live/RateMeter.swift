package import Foundation

/// Measures how fast a counter grows, over the last seconds.
package struct RateMeter: Sendable {
    let window: TimeInterval
    private var samples: [(count: Int, at: Date)] = []

    /// - Parameter window: The time over which it measures, in seconds.
    package init(window: TimeInterval) {
        self.window = window
    }

    /// Takes the counter of an instant.
    ///
    /// - Returns: The growth per second since the oldest look within the window; `nil` at the first look.
    package mutating func note(_ count: Int, at now: Date) -> Double? {
        samples.append((count, now))
        // The newest sample that is older than the window stays, so that slow looks are measured too.
        while samples.count > 2, now.timeIntervalSince(samples[1].at) >= window { samples.removeFirst() }
        let seconds = now.timeIntervalSince(samples[0].at)
        return seconds > 0 ? max(0, Double(count - samples[0].count) / seconds) : nil
    }
}
