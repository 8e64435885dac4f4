import WhatsAppSimulator

/// Looks for seconds with more requests than the rate allows, sender by sender.
struct PaceCheck: Sendable {
    /// Slots are granted at this share of the rate.
    private static let share = 0.96
    private static let second: Int64 = 1_000_000_000

    let ratePerSecond: Int
    /// Seconds by which the setup delays one request more than another.
    let jitter: Double
    let stalls: [Metronome.Stall]

    /// What the requests of one sender amount to.
    struct Finding: Sendable {
        var most = 0
        /// Seconds over the rate that no stall of the machine explains, by what they held.
        var excess: [Int] = []
    }

    /// Looks at the requests of one sender, in the order of their time.
    func check(_ requests: [LedgerEntry]) -> Finding {
        var finding = Finding()
        var start = 0
        for end in requests.indices {
            while requests[end].monotonic - requests[start].monotonic >= Self.second { start += 1 }
            let count = end - start + 1
            finding.most = max(finding.most, count)
            if count > ratePerSecond, count > allowed(from: requests[start].monotonic, to: requests[end].monotonic) {
                finding.excess.append(count)
            }
        }
        return finding
    }

    /// The most that evenly spaced requests can be, when some of them were held up.
    private func allowed(from start: Int64, to end: Int64) -> Int {
        let held = stalls.filter { $0.end > start - Self.second / 4 && $0.end - $0.length < end + Self.second / 20 }
            .map(\.length).reduce(0, +)
        let delay = jitter + Double(held) / Double(Self.second)
        return Int(Double(ratePerSecond) * Self.share * (1 + delay)) + 1
    }
}
