import Foundation
import JSON
import Spec
package import Store
import Synchronization

/// The prepared payloads of the revisions that are being sent.
///
/// Revisions never change, so neither do these.
package final class PayloadCache: Sendable {
    private static let capacity = 256

    private let runs: RunRepository
    private let payloads = Mutex<[UUID: PayloadTemplate]>([:])

    package init(runs: RunRepository) {
        self.runs = runs
    }

    /// The payload of a revision.
    ///
    /// - Throws: `PostgresError` when it cannot be read; ``PayloadError`` when it cannot be used.
    func payload(of revision: UUID) async throws -> PayloadTemplate {
        if let known = payloads.withLock({ $0[revision] }) { return known }
        guard let text = try await runs.content(ofRevision: revision) else {
            throw PayloadError(problem: "its revision is gone")
        }
        let payload: PayloadTemplate
        do {
            guard let message = try JSONValue(parsing: text)["message"], message.objectValue != nil else {
                throw PayloadError(problem: "its revision has no message")
            }
            payload = try PayloadTemplate(message: message)
        } catch let error as PayloadError {
            throw error
        } catch {
            throw PayloadError(problem: "\(error)")
        }
        payloads.withLock { payloads in
            if payloads.count >= Self.capacity { payloads.removeAll() }
            payloads[revision] = payload
        }
        return payload
    }
}

/// A stored payload that no message can be made from.
struct PayloadError: Error, CustomStringConvertible {
    let problem: String
    var description: String { "the campaign's message cannot be used: \(problem)" }
}
