/// How one seed of a cell went.
struct CellResult: Sendable {
    let cell: String
    let title: String
    let seed: UInt64
    var messages = 0
    var lost = 0
    var duplicated = 0
    var unconfirmed = 0
    /// The most requests in any second, of the busiest sender.
    var peak = 0
    /// From healing to the next accepted message.
    var recovery: Double?
    /// From launch to the end of the last run, in seconds.
    var seconds = 0.0
    /// What was broken, each with its rule; empty is good.
    var violations: [String] = []

    /// What could not be judged, and why.
    var notes: [String] = []

    var isGood: Bool { violations.isEmpty }
}
