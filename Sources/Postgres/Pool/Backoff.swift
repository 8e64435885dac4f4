/// How long to wait before the n-th repetition: doubling, bounded, and never the same for two clients.
enum Backoff {
    /// A delay between half and the whole of `first` × 2^(attempt − 1), at most `maximum`.
    ///
    /// - Parameters:
    ///   - attempt: The number of failures so far, from 1.
    ///   - first: The longest delay after the first failure.
    ///   - maximum: The longest delay ever.
    /// - Returns: The delay.
    static func delay(attempt: Int, first: Duration, maximum: Duration) -> Duration {
        let ceiling = min(first * (1 << min(max(attempt - 1, 0), 20)), maximum)
        return ceiling * Double.random(in: 0.5...1)
    }
}
