import API
import Foundation
import Runtime
import Synchronization

/// How applying the specs fares, for those who ask.
final class SpecsStatus: Sendable {
    private let current = Mutex(SpecsState())

    var state: SpecsState { current.withLock { $0 } }

    func applied(commit: String?, at date: Date) {
        current.withLock { state in
            (state.lastAttemptedCommit, state.lastAttemptedAt) = (commit, date)
            (state.lastAppliedCommit, state.lastAppliedAt) = (commit, date)
            state.reason = nil
        }
    }

    func failed(commit: String?, at date: Date, reason: String) {
        current.withLock { state in
            (state.lastAttemptedCommit, state.lastAttemptedAt) = (commit, date)
            state.reason = reason
        }
    }

    /// What an earlier process has applied.
    func began(commit: String?, at date: Date?) {
        current.withLock { ($0.lastAppliedCommit, $0.lastAppliedAt) = (commit, date) }
    }
}
