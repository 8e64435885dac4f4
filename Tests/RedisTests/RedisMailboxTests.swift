import Testing

@testable import Redis

struct RedisMailboxTests {
    @Test func aShutdownThatComesJustBeforeIdlingIsNotForgotten() async throws {
        let mailbox = RedisMailbox(limit: 10)
        let batch = RedisBatch([RedisCommand("PING")], deadline: .now + .seconds(60))
        guard case .mustStart = mailbox.submit(batch) else {
            Issue.record("nobody works yet")
            return
        }
        _ = mailbox.collect()
        #expect(mailbox.takeShutdowns().isEmpty)
        // The thread has checked for shutdowns, and now one comes; its caller relies on the thread, which is still running.
        await withCheckedContinuation { continuation in
            #expect(mailbox.close(continuation) == false)
            #expect(mailbox.goIdle() == false)
            let shutdowns = mailbox.takeShutdowns()
            #expect(shutdowns.count == 1)
            for shutdown in shutdowns { shutdown.resume() }
            // Ends the test also after a failure above.
            if shutdowns.isEmpty { continuation.resume() }
        }
        #expect(mailbox.goIdle())
    }
}
