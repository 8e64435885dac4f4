import Foundation
import Testing

@testable import Store

struct MessageIDTests {
    @Test func messagesFollowTheirRunInTheOrderOfPositions() {
        var random = SystemRandomNumberGenerator()
        let run = MessageID.makeRun(at: Fixture.now, using: &random)
        let positions = [1, 2, 255, 256, 10_000_000, MessageID.maximumPosition]
        let ids = positions.map { MessageID.make(run: run, position: $0) }
        #expect(ids.map(\.uuidString) == ids.map(\.uuidString).sorted())
        #expect(ids.allSatisfy { MessageID.run(of: $0) == run })
        #expect(Set(ids).count == positions.count)
        #expect(MessageID.make(run: run, position: 0) == run)
        let later = MessageID.makeRun(at: Fixture.now.addingTimeInterval(0.002), using: &random)
        #expect(ids.allSatisfy { $0.uuidString < later.uuidString })
    }
}
