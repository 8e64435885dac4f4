import Synchronization
import Testing

@testable import Spec

struct ParallelMapTests {
    /// Some elements take longer than those behind them, so that results come out of order.
    @Test(arguments: [0, 1, 7, 8, 9, 1_000], [1, 8])
    func resultsAreHandedOnInTheirOrder(count: Int, length: Int) {
        let taken = Mutex<[(element: Int, result: Int)]>([])
        let isTaking = Mutex(false)
        Array(0..<count).parallelMap(by: length) { element in
            (0..<(element % 7 == 0 ? 50_000 : 1)).reduce(element) { sum, _ in sum &+ 1 }
        } inOrder: { element, result in
            let wasTaking = isTaking.withLock { flag in
                defer { flag = true }
                return flag
            }
            #expect(!wasTaking, "two at once")
            taken.withLock { $0.append((element, result)) }
            isTaking.withLock { $0 = false }
        }
        let all = taken.withLock { $0 }
        #expect(all.map(\.element) == Array(0..<count))
        #expect(all.allSatisfy { $0.result == $0.element + ($0.element % 7 == 0 ? 50_000 : 1) })
    }
}
