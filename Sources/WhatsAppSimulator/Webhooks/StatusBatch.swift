/// Statuses that share one request, as the bytes that are signed and posted, now or again.
struct StatusBatch: Sendable {
    let body: [UInt8]
    /// How many statuses it tells.
    let count: Int
    /// How often it was tried without success.
    var attempts = 0
    /// The time of the first try, in monotonic nanoseconds.
    let firstTry: Int64
}
