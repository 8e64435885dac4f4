import Testing

@testable import Spec

struct ParallelMapTests {
    /// Some elements take longer than the elements after them, so that batches finish out of order.
    @Test(arguments: [0, 1, 7, 8, 9, 1_000], [1, 8])
    func returnsResultsInTheOrderOfTheElements(count: Int, length: Int) {
        let results = Array(0..<count).parallelMap(by: length) { element in
            (0..<(element % 7 == 0 ? 50_000 : 1)).reduce(element) { sum, _ in sum &+ 1 }
        }
        #expect(results == (0..<count).map { $0 + ($0 % 7 == 0 ? 50_000 : 1) })
    }

    @Test func stretchesHoldAllElementsInTheirOrder() {
        #expect([1, 2, 3, 4, 5].stretches(of: 2).map(Array.init) == [[1, 2], [3, 4], [5]])
    }
}
