internal import Dispatch
internal import Synchronization

extension Array where Element: Sendable {
    /// Transforms each element on all cores, and blocks until all are done.
    ///
    /// Must not be called on a thread of the cooperative pool.
    ///
    /// - Parameters:
    ///   - length: How many elements are handed to a core at once: few enough for the cores to end at nearly the same
    ///     time, and enough to be worth it.
    ///   - transform: What is done with each element.
    /// - Returns: What the elements were transformed to, in their order.
    package func parallelMap<Result: Sendable>(
        by length: Int = 64,
        _ transform: @Sendable (Element) -> Result
    ) -> [Result] {
        guard count > length else { return map(transform) }
        let stretches = stretches(of: length)
        let results = Mutex<[[Result]]>(Array<[Result]>(repeating: [], count: stretches.count))
        DispatchQueue.concurrentPerform(iterations: stretches.count) { index in
            let stretch = stretches[index].map(transform)
            results.withLock { $0[index] = stretch }
        }
        return results.withLock { stretches in
            var all: [Result] = []
            all.reserveCapacity(count)
            for stretch in stretches { all += stretch }
            return all
        }
    }

    /// The elements in stretches of a length, of which the last may be shorter.
    package func stretches(of length: Int = 64) -> [ArraySlice<Element>] {
        stride(from: 0, to: count, by: length).map { self[$0..<Swift.min($0 + length, count)] }
    }
}
