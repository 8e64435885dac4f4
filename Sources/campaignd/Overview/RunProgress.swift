import API
import Foundation
import JSON
import Postgres
import Spelling
import Store

/// The progress of a run: the messages that were tried, of all its recipients.
///
/// Cancelled messages never went out, so they do not count as tried: a run that was cancelled early shows how little of it
/// was sent.
struct RunProgress: Hashable, Sendable {
    /// Messages that were accepted, failed, or are unconfirmed.
    let tried: Int
    /// All messages of the run.
    let total: Int
    let cancelled: Int

    init(_ run: RunRecord) {
        tried = max(0, run.counters.tried)
        cancelled = max(0, run.counters[.cancelled])
        // Messages may be fewer than expected while a launch writes them; a triggered run may have more.
        let whole = run.status == .launching ? max(run.recipientCount, run.expectedCount) : run.recipientCount
        total = max(tried, whole)
    }

    /// From 0 to 1; 0 if there is nothing to send.
    var share: Double { total > 0 ? Double(tried) / Double(total) : 0 }

    /// `94 of 985 (9.5 %), 891 cancelled`.
    var text: String {
        let part = total > 0 ? " (\(NumberText.percent(share)))" : ""
        return "\(tried.grouped) of \(total.grouped)\(part)"
            + (cancelled > 0 ? ", \(cancelled.grouped) cancelled" : "")
    }
}

extension RunRecord {
    /// Returns the run as it is now, with the names of the API.
    func document(_ pool: PostgresPool) async throws -> JSONValue {
        let runs = RunRepository(pool: pool)
        guard let record = try await runs.campaignRun(id, tenant: tenantID) else { return .null }
        let outlook = try await OutlookRepository(pool: pool).outlook(of: record.run)
        let actions = try await RunActionRepository(pool: pool).latest(of: [id])[id] ?? []
        var fields = record.json(outlook, actions).objectValue ?? [:]
        fields["tenantId"] = .string(tenantID)
        fields["campaign"] = .string(campaignName)
        return .object(fields)
    }
}
