/// What the simulator does about one request.
struct Verdict: Sendable {
    enum Outcome: Sendable {
        case accepted(wamid: String)
        case rejected(GraphError)
        /// A page without an error code.
        case unavailable(status: Int)
        /// Accepted, but the caller does not learn it.
        case lost(wamid: String, SimulatorFaults.LostAnswerFault)
    }

    let outcome: Outcome
    /// How long the answer waits.
    var latency: Duration = .zero
}
