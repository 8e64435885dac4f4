internal import Dispatch
internal import Synchronization

extension RandomAccessCollection where Self: Sendable {
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
        let count = count
        guard count > length else { return map(transform) }
        return [Result](unsafeUninitializedCapacity: count) { buffer, initializedCount in
            // Unsafe because the compiler cannot see what makes it sound: stretches do not overlap, so each place is
            // written once by one thread, and `concurrentPerform` returns, with all writes done, before anybody reads.
            // Behind a lock, results would be gathered and copied: 6 % of the CPU of a plan of 10,000 specs.
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
    /// Transforms each element on all cores, and hands the results on in their order as soon as they are there; blocks
    /// until all are.
    ///
    /// Must not be called on a thread of the cooperative pool.
    ///
    /// - Parameters:
    ///   - length: How many elements are handed to a core at once.
    ///   - transform: What is done with each element.
    ///   - take: Called with one result after the other, beside the transforming of those to come.
    func parallelMap<Result: Sendable>(
        by length: Int,
        _ transform: @Sendable (Element) -> Result,
        inOrder take: @Sendable (Element, Result) -> Void
    ) {
        let stretches = stretches(of: length)
        let line = Mutex(ResultLine<Result>(count: stretches.count))
        DispatchQueue.concurrentPerform(iterations: stretches.count) { index in
            let results = stretches[index].map(transform)
            line.withLock { $0.results[index] = results }
            // Whoever comes while somebody takes leaves it to them, and goes on transforming.
            while let next = line.withLock({ $0.next() }) {
                for (element, result) in zip(stretches[next.index], next.results) { take(element, result) }
                line.withLock { $0.isTaking = false }
            }
        }
    }

    /// The elements in stretches of a length, of which the last may be shorter.
    package func stretches(of length: Int = 64) -> [ArraySlice<Element>] {
        stride(from: 0, to: count, by: length).map { self[$0..<Swift.min($0 + length, count)] }
    }
}

/// Results that wait for those before them.
private struct ResultLine<Result: Sendable>: Sendable {
    var results: [[Result]?]
    /// Whether a thread is handing results on.
    var isTaking = false
    private var taken = 0

    init(count: Int) {
        results = Array(repeating: nil, count: count)
    }

    /// The next results in the order, which the caller then hands on; `nil` if they are not there, or another does.
    mutating func next() -> (index: Int, results: [Result])? {
        guard !isTaking, taken < results.count, let next = results[taken] else { return nil }
        results[taken] = nil
        isTaking = true
        taken += 1
        return (taken - 1, next)
    }
}
