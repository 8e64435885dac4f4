import Foundation
import Logging
import Store

/// What the answers to single messages mean for their lane and their campaign.
extension BatchDelivery {
    /// Carries out what a decision means for the lane or the campaign, and says what it means for the message.
    func result(of decision: SendDecision, for message: ClaimedMessage) async -> MessageOutcome.Result {
        switch decision {
        case .sent(let id): return .sent(waMessageID: id)
        case .fail(let failure): return .failed(failure)
        case .unconfirmed(let failure): return .unconfirmed(failure)
        case .deferRecipient(let delay): return .released(after: delay)
        case .retry(let failure):
            let delay = services.retries.delay(afterAttempts: message.attempts + 1, random: .random(in: 0...1))
            return delay.map { .retry(after: $0, failure) } ?? .failed(failure)
        case .pauseLane(let duration, let reason):
            await pauseLane(for: duration, reason: reason)
            return .released(after: .zero)
        case .pauseCampaign(let reason):
            await pauseCampaign(of: message, reason: reason)
            return .withdrawn
        }
    }

    private func pauseLane(for duration: Duration, reason: String) async {
        services.metrics.send.countRateLimit(tenant: batch.lane.tenantID, sender: batch.lane.name)
        logger.warning(
            "WhatsApp asks for silence",
            metadata: ["seconds": "\(duration.components.seconds)", "reason": "\(reason)"]
        )
        do {
            // Redis first: it is what every daemon asks before it sends.
            try await queue.pause(for: duration)
            try await services.lanes.pause(batch.lane.id, for: duration)
        } catch {
            logger.error("The pause is not known everywhere", metadata: ["error": "\(error)"])
        }
    }

    private func pauseCampaign(of message: ClaimedMessage, reason: String) async {
        do {
            if try await services.runs.pause(message.runID, reason: reason) {
                let ids: Logger.Metadata = ["message": "\(message.id.uuidString.lowercased())", "reason": "\(reason)"]
                let metadata = await services.runs.metadata(of: message.runID, ids)
                logger.error("Campaign paused", metadata: metadata)
            }
        } catch {
            logger.error("The campaign cannot be paused", metadata: ["run": "\(message.runID)", "error": "\(error)"])
        }
    }
}
