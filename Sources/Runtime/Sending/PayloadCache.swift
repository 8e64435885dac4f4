import Foundation
import JSON
import Spec
package import Store
import Synchronization

/// The payload of a revision, and how it wants texts treated that the provider refuses; `nil` is as the tenant wants it.
struct PreparedPayload: Sendable {
    let payload: any ChannelPayload
    let templateText: TemplateText?
}

/// A cache of the prepared payloads of revisions that are being sent; revisions never change.
package final class PayloadCache: Sendable {
    private static let capacity = 256

    private let runs: RunRepository
    private let channel: any MessageChannel
    private let payloads = Mutex<[UUID: PreparedPayload]>([:])

    package init(runs: RunRepository, channel: any MessageChannel) {
        self.runs = runs
        self.channel = channel
    }

    /// Returns the payload of a revision.
    ///
    /// - Throws: `PostgresError` when it cannot be read; ``PayloadError`` when it cannot be used.
    func payload(of revision: UUID) async throws -> PreparedPayload {
        if let known = payloads.withLock({ $0[revision] }) { return known }
        guard let text = try await runs.content(ofRevision: revision) else {
            throw PayloadError(problem: "its revision is gone")
        }
        let payload: PreparedPayload
        do {
            let content = try JSONValue(parsing: text)
            guard let message = content["message"], message.objectValue != nil else {
                throw PayloadError(problem: "its revision has no message")
            }
            payload = PreparedPayload(
                payload: try channel.payload(of: message),
                templateText: content["templateText"]?.stringValue.flatMap(TemplateText.init(rawValue:))
            )
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

/// A stored message that cannot be used as a payload.
struct PayloadError: Error, CustomStringConvertible {
    let problem: String
    var description: String { "the campaign's message cannot be used: \(problem)" }
}
