import Foundation
import Logging
import Store

extension RunRepository {
    /// What a line in the log says about a run: whose it is, of which campaign, and its id.
    ///
    /// Costs a query, so it is for what happens once in a run. Without an answer of Postgres it is the id alone: that
    /// something happened is to be said in any case.
    func metadata(of run: UUID, _ more: Logger.Metadata = [:]) async -> Logger.Metadata {
        var metadata: Logger.Metadata = ["run": "\(run.uuidString.lowercased())"]
        if let record = try? await find(run) {
            metadata["tenant"] = "\(record.tenantID)"
            metadata["campaign"] = "\(record.campaignName)"
        }
        return metadata.merging(more) { _, new in new }
    }
}
