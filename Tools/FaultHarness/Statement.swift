/// The SQL of the harness.
///
/// It is not the Store's: what judges must not look through the eyes of what is judged.
enum Statement {
    static let messages = text(PackageResources.messages_sql)
    static let counters = text(PackageResources.counters_sql)
    static let wallet = text(PackageResources.wallet_sql)
    static let progress = text(PackageResources.progress_sql)
    static let pausedRuns = text(PackageResources.paused_runs_sql)
    static let oneBackend = text(PackageResources.one_backend_sql)
    static let terminate = text(PackageResources.terminate_sql)
    static let holdCampaigns = text(PackageResources.hold_campaigns_sql)
    static let optOut = text(PackageResources.opt_out_sql)

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
