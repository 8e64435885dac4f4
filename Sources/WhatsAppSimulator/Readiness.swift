import Synchronization

/// The port of a server, which those who ask before it listens wait for.
final class Readiness: Sendable {
    private typealias Waiting = CheckedContinuation<Result<Int, SimulatorError>, Never>

    private enum State: Sendable {
        case starting([Waiting])
        case ready(port: Int)
        case ended(SimulatorError)
    }

    private let state = Mutex(State.starting([]))

    /// The port, once the server listens and until it ends.
    var port: Int? {
        state.withLock { state in
            guard case .ready(let port) = state else { return nil }
            return port
        }
    }

    /// Waits for the port; a server that ends without having one ends the wait.
    func wait() async throws(SimulatorError) -> Int {
        let result = await withCheckedContinuation { continuation in
            let known: Result<Int, SimulatorError>? = state.withLock { state in
                switch state {
                case .starting(let waiting):
                    state = .starting(waiting + [continuation])
                    return nil
                case .ready(let port): return .success(port)
                case .ended(let error): return .failure(error)
                }
            }
            if let known { continuation.resume(returning: known) }
        }
        return try result.get()
    }

    func begin(port: Int) { move(to: .ready(port: port), telling: .success(port)) }

    func end(_ error: SimulatorError) { move(to: .ended(error), telling: .failure(error)) }

    private func move(to next: State, telling result: Result<Int, SimulatorError>) {
        let waiting = state.withLock { state in
            defer { state = next }
            guard case .starting(let waiting) = state else { return [Waiting]() }
            return waiting
        }
        for continuation in waiting { continuation.resume(returning: result) }
    }
}
