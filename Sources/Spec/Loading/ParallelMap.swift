internal import Dispatch

extension RandomAccessCollection where Self: Sendable {
    /// Transforms each element on all cores, and blocks until all are done.
    ///
    /// Must not be called on a thread of the cooperative pool.
    ///
    /// - Parameters:
    ///   - length: The number of elements per batch: small enough for all cores to finish at nearly the same time, and
    ///     large enough to be worth a batch.
    ///   - transform: Transforms one element.
    /// - Returns: The results in the order of the elements.
    package func parallelMap<Result: Sendable>(
        by length: Int = 64,
        _ transform: @Sendable (Element) -> Result
    ) -> [Result] {
        let count = count
        guard count > length else { return map(transform) }
        return [Result](unsafeUninitializedCapacity: count) { buffer, initializedCount in
            // The compiler cannot see that this is safe: batches do not overlap, so each place is written once by one
            // thread, and `concurrentPerform` returns only after all writes.
            nonisolated(unsafe) let places = buffer
            DispatchQueue.concurrentPerform(iterations: (count + length - 1) / length) { stretch in
                for place in stretch * length..<Swift.min((stretch + 1) * length, count) {
                    places.initializeElement(at: place, to: transform(self[index(startIndex, offsetBy: place)]))
                }
            }
            initializedCount = count
        }
    }
}

extension Array where Element: Sendable {
    /// Splits the elements into slices of a length; the last one may be shorter.
    package func stretches(of length: Int = 64) -> [ArraySlice<Element>] {
        stride(from: 0, to: count, by: length).map { self[$0..<Swift.min($0 + length, count)] }
    }
}
