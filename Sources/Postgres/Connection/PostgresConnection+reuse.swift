internal import Glibc

extension PostgresConnection {
    /// Makes the connection as good as new for its next user.
    ///
    /// - Returns: Whether that succeeded; otherwise it is closed.
    nonisolated func settle() async -> Bool {
        let state = status.read()
        guard state.isOpen else { return false }
        guard state.isInTransaction || state.hasSessionState else { return true }
        return await reset()
    }

    /// Whether the server is still there, as far as can be told without asking it.
    nonisolated var seemsAlive: Bool {
        let state = status.read()
        guard state.isOpen else { return false }
        var descriptor = pollfd(fd: state.socket, events: Int16(POLLIN), revents: 0)
        // An idle server says nothing: what can be read is a farewell or the end, or a message worth a closer look.
        return unsafe poll(&descriptor, 1, 0) == 0
    }

    /// Asks the server for a sign of life.
    func ping(deadline: Duration) async -> Bool {
        do throws(PostgresError) {
            _ = try await cancellable { wire throws(PostgresError) in
                try wire.script("SELECT 1", within: Wire.Limit(deadline))
            }
            return true
        } catch {
            // Whatever the reason: the caller takes another connection, and its error speaks for itself.
            return false
        }
    }

    private func reset() async -> Bool {
        await rollback()
        guard status.read().isOpen, status.read().hasSessionState else { return status.read().isOpen }
        do throws(PostgresError) {
            let limit = Wire.Limit(Wire.cancelGrace, isCancellable: false)
            _ = try wire.script("SELECT pg_advisory_unlock_all(); UNLISTEN *", within: limit)
            status.update { $0.hasSessionState = false }
            return true
        } catch {
            wire.abandon(error)
            return false
        }
    }
}
