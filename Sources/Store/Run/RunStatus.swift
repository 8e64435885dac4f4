public import Postgres

/// Where a run stands; the values of `campaign_run_status_enum`.
public enum RunStatus: String, PostgresScalar, CaseIterable, Sendable {
    /// Its messages are being written.
    case launching
    case running
    case paused
    case completed
    case failed
    case cancelled

    /// Whether nothing more will happen to it, apart from reports of WhatsApp.
    public var isOver: Bool {
        switch self {
        case .launching, .running, .paused: false
        case .completed, .failed, .cancelled: true
        }
    }
}
