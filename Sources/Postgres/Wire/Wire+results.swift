internal import CLibPQ

extension Wire {
    /// What is to be done when the server is not ready in time.
    struct Limit {
        let deadline: ContinuousClock.Instant
        /// The time that was allowed, for the error.
        let allowed: Duration
        /// Whether the task's cancellation stops the statement.
        var isCancellable = true

        init(_ allowed: Duration, isCancellable: Bool = true) {
            self.allowed = allowed
            self.isCancellable = isCancellable
            deadline = ContinuousClock.now + allowed
        }
    }

    /// Takes all results of what was sent, so that the connection is ready for the next statement.
    ///
    /// When the limit is reached the statement is cancelled and its end awaited for a moment; a connection that stays
    /// silent even then is given up.
    ///
    /// - Returns: The last result.
    /// - Throws: The first error of the server, or why there is no answer.
    func results(within limit: Limit) throws(PostgresError) -> ResultHandle {
        let handle = try unsafe handle()
        var outcome = Outcome()
        var deadline = limit.deadline
        while true {
            let waited = unsafe pump(
                handle,
                until: deadline,
                cancellable: limit.isCancellable && outcome.interruption == nil
            )
            switch waited {
            case .ready:
                guard let result = unsafe PQgetResult(handle) else {
                    // In a pipeline it ends one statement only.
                    if unsafe PQpipelineStatus(handle) != PQ_PIPELINE_OFF { continue }
                    return try unsafe finish(handle, outcome)
                }
                switch try unsafe note(ResultHandle(result), handle, &outcome) {
                case .result: continue
                case .copyStarted: if let last = outcome.last { return last }
                case .pipelineEnd:
                    guard unsafe PQexitPipelineMode(handle) == 1 else { throw unsafe lose(handle) }
                    return try unsafe finish(handle, outcome)
                }
            case .broken:
                throw unsafe lose(handle, outcome.failure?.serverError?.message)
            case .deadline, .cancelled:
                guard outcome.interruption == nil else { throw giveUp(outcome) }
                outcome.interruption = waited == .cancelled ? .cancelled : .timeout(limit.allowed)
                outcome.cancel = unsafe CancelRequest(connection: handle)
                guard outcome.cancel != nil else { throw giveUp(outcome) }
                deadline = ContinuousClock.now + Self.cancelGrace
            }
        }
    }

    /// What has been seen of the answer so far.
    private struct Outcome {
        var last: ResultHandle?
        var failure: PostgresError?
        /// Why the statement was cancelled, if it was.
        var interruption: PostgresError?
        var cancel: CancelRequest?
    }

    private enum Noted {
        case result, copyStarted, pipelineEnd
    }

    private func note(
        _ result: ResultHandle,
        _ handle: OpaquePointer,
        _ outcome: inout Outcome
    ) throws(PostgresError) -> Noted {
        switch result.status {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
            outcome.last = result
        case PGRES_COPY_IN:
            outcome.last = result
            return .copyStarted
        case PGRES_PIPELINE_SYNC: return .pipelineEnd
        // Skipped, because of an error that has been noted.
        case PGRES_PIPELINE_ABORTED: break
        case PGRES_COPY_OUT, PGRES_COPY_BOTH:
            abandon(.misuse("COPY TO is not supported"))
            throw lost
        default:
            let error = result.serverError.map(PostgresError.server) ?? .connection(Self.oneLine(result.message))
            outcome.failure = outcome.failure ?? error
        }
        return .result
    }

    private func finish(_ handle: OpaquePointer, _ outcome: Outcome) throws(PostgresError) -> ResultHandle {
        if let cancel = outcome.cancel, !cancel.wait(for: Self.cancelGrace) { throw giveUp(outcome) }
        if unsafe PQstatus(handle) == CONNECTION_BAD {
            throw unsafe lose(handle, outcome.failure?.serverError?.message)
        }
        unsafe noteTransaction(handle, outcome.failure)
        guard let failure = outcome.failure else {
            // The cancel request came too late: what was done is done, and to say so is the truth.
            if let last = outcome.last { return last }
            if let interruption = outcome.interruption { throw interruption }
            throw unsafe lose(handle, "the server gave no result")
        }
        if let interruption = outcome.interruption, failure.sqlState == "57014" { throw interruption }
        throw failure
    }

    private func giveUp(_ outcome: Outcome) -> PostgresError {
        let reason = outcome.interruption ?? .closed
        abandon(.connection("the server answered neither a statement nor its cancellation"))
        return reason
    }

    private func noteTransaction(_ handle: OpaquePointer, _ failure: PostgresError?) {
        // BEGIN may still wait to be sent.
        let isInTransaction = unsafe PQtransactionStatus(handle) != PQTRANS_IDLE || !queue.isEmpty
        status.update {
            $0.isInTransaction = isInTransaction
            if let error = failure?.serverError { $0.failure = error }
        }
    }
}
