internal import Dispatch
internal import Synchronization

extension Array where Element: Sendable {
    /// Transforms each element on all cores, and blocks until all are done; results stand in the order of the elements.
    ///
    /// Must not be called on a thread of the cooperative pool.
    package func parallelMap<Result: Sendable>(_ transform: @Sendable (Element) -> Result) -> [Result] {
        guard count > Self.stretch else { return map(transform) }
        let stretches = (count + Self.stretch - 1) / Self.stretch
        let results = Mutex<[[Result]]>(Array<[Result]>(repeating: [], count: stretches))
        DispatchQueue.concurrentPerform(iterations: stretches) { index in
            let start = index * Self.stretch
            let stretch = self[start..<Swift.min(start + Self.stretch, count)].map(transform)
            results.withLock { $0[index] = stretch }
        }
        return results.withLock { Array<Result>($0.joined()) }
    }

    /// Short enough for the cores to end at nearly the same time, long enough to be worth handing out.
    private static var stretch: Int { 64 }
}
