import Postgres
import Testing

@Suite(.enabled(if: ScratchSchema.isAvailable))
struct PostgresListenerTests {
    @Test(.timeLimit(.minutes(3)))
    func notificationsComeAgainAfterTheConnectionWasKilled() async throws {
        try await ScratchSchema.withPool { pool, scratch in
            let channel = scratch.name
            var events = pool.listen([channel]).makeAsyncIterator()
            #expect(await events.next() == .connected)
            try await pool.withConnection { try await $0.notify(channel, payload: "first") }
            guard case .notification(let first) = await events.next() else { throw PostgresError.closed }
            #expect(first.payload == "first" && first.channel == channel && first.processID > 0)

            // The listener's backend is the one with our LISTEN as its last statement.
            let killed = try await pool.query(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE application_name = \(scratch.name) AND query = \("LISTEN \"\(channel)\"")
                """
            )
            #expect(killed.count == 1)
            #expect(await events.next() == .reconnected)
            try await pool.withConnection { connection in
                try await connection.notify(channel, payload: "second")
                try await connection.notify(channel, payload: "third")
            }
            for payload in ["second", "third"] {
                guard case .notification(let next) = await events.next() else { throw PostgresError.closed }
                #expect(next.payload == payload)
            }
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func cancellationEndsTheSequence() async throws {
        let listener = PostgresListener(
            configuration: try ScratchSchema.serverConfiguration(),
            channels: ["postgres_test_quiet"]
        )
        await withTaskGroup(of: Int.self) { group in
            let (started, signal) = AsyncStream<Void>.makeStream()
            group.addTask {
                var count = 0
                for await _ in listener {
                    count += 1
                    signal.finish()
                }
                return count
            }
            for await _ in started {}
            group.cancelAll()
            #expect(await group.next() == 1)
        }
    }
}
