import JSON
import Randomness
import Spec
import Testing

@testable import Reconciler

struct ValueDifferTests {
    /// There are few values and names, so that many of them are equal.
    private static func value(depth: Int, _ dice: inout SplitMix64) -> JSONValue {
        switch Int.random(in: 0..<(depth > 0 ? 7 : 4), using: &dice) {
        case 0: return .null
        case 1: return .bool(Bool.random(using: &dice))
        case 2: return .integer(Int.random(in: 0...2, using: &dice))
        case 3: return .string(["a", "b", ""].randomElement(using: &dice) ?? "")
        case 4, 5:
            let count = Int.random(in: 0...3, using: &dice)
            return .array((0..<count).map { _ in value(depth: depth - 1, &dice) })
        default:
            let keys = ["field", "operator", "type", "text", "not", "value"].shuffled(using: &dice)
            let fields = keys.prefix(Int.random(in: 0...3, using: &dice)).map { ($0, value(depth: depth - 1, &dice)) }
            return .object(Dictionary(fields) { first, _ in first })
        }
    }

    @Test func thereIsADifferenceIfAndOnlyIfValuesDiffer() {
        var dice = SplitMix64(seed: 42)
        var equal = 0
        for _ in 0..<20_000 {
            let (left, right) = (Self.value(depth: 3, &dice), Self.value(depth: 3, &dice))
            let found = ValueDiffer.differences(from: left, to: right)
            #expect(found.isEmpty == (left == right), "\(left) \(right)")
            #expect(found.allSatisfy { $0.before != $0.after }, "\(left) \(right)")
            #expect(ValueDiffer.differences(from: left, to: left).isEmpty)
            equal += left == right ? 1 : 0
        }
        #expect(equal > 100)
    }

    @Test func anotherOrderOfTheSameMembersIsADifferenceOfTheList() {
        let found = ValueDiffer.differences(from: ["list": ["a", "b"]], to: ["list": ["b", "a"]])
        #expect(found.map(\.path) == ["list"])
        #expect(found.first?.after == ["b", "a"])
    }
}
