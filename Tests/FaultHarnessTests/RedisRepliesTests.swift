import NIOCore
import Testing

@testable import FaultHarness

/// Replies are found at any cut of the stream.
struct RedisRepliesTests {
    private static let stream = "+OK\r\n:12\r\n$5\r\na\r\nbc\r\n$-1\r\n*2\r\n$1\r\nx\r\n*1\r\n:7\r\n-ERR no\r\n"
    private static let replies = [
        "+OK\r\n", ":12\r\n", "$5\r\na\r\nbc\r\n", "$-1\r\n", "*2\r\n$1\r\nx\r\n*1\r\n:7\r\n", "-ERR no\r\n",
    ]

    @Test(arguments: 1...30) func findsEachReply(portion: Int) {
        let scanner = RedisReplies()
        var rest = ByteBuffer(string: Self.stream)
        var found: [String] = []
        var passed = ""
        while rest.readableBytes > 0, let slice = rest.readSlice(length: min(portion, rest.readableBytes)) {
            let result = scanner.rewriting(slice) { reply in
                found.append(String(buffer: reply))
                return reply
            }
            passed += String(buffer: result)
        }
        #expect(found == Self.replies)
        #expect(passed == Self.stream)
    }

    @Test func leavesMessagesOfSubscriptionsAlone() {
        let message = "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\np\r\n"
        let result = RedisReplies().rewriting(ByteBuffer(string: message + ":1\r\n")) { _ in
            ByteBuffer(string: "-E\r\n")
        }
        #expect(String(buffer: result) == message + "-E\r\n")
    }
}
