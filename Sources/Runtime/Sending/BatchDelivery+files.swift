import Logging
import Store

extension BatchDelivery {
    /// Returns the ids of the files of a message; `nil` for a message that has to wait for one, or cannot be sent.
    func mediaIDs(of files: Set<String>, for message: ClaimedMessage) async -> [String: String]? {
        guard !files.isEmpty else { return [:] }
        let lane = batch.lane
        switch services.media.ids(
            of: files,
            tenant: lane.tenantID,
            number: lane.phoneNumberID,
            token: batch.token
        ) {
        case .ready(let ids): return ids
        case .waiting(let delay): end(message, .released(after: delay))
        case .refused(let key, let reason):
            // A person may have resumed the run since, so that the file is to be tried again.
            guard await isRefused(key) else {
                services.media.forget(key)
                end(message, .released(after: MediaUploads.shortestDelay))
                return nil
            }
            end(message, await result(of: .pauseCampaign(reason: reason), for: message))
        }
        return nil
    }

    private func isRefused(_ key: MediaUploadRepository.Key) async -> Bool {
        do {
            return try await services.mediaRows.isRefused(key)
        } catch {
            logger.debug("Could not ask whether a file is refused, trying again", metadata: ["error": "\(error)"])
            return false
        }
    }

    /// Returns true if the provider refused the id of a file that was uploaded long ago, so that another upload helps.
    func hasForgotten(_ mediaIDs: [String: String], _ refusal: SendAnswer.Refusal) async -> Bool {
        guard !mediaIDs.isEmpty, refusal.errorClass == .permanent else { return false }
        let isAboutMedia = refusal.code == MediaUploads.refusalCode || refusal.message.lowercased().contains("media")
        var isForgotten = false
        for (digest, id) in mediaIDs where isAboutMedia || refusal.message.contains(id) {
            let key = MediaUploadRepository.Key(
                file: MediaRepository.Key(tenant: batch.lane.tenantID, digest: digest),
                number: batch.lane.phoneNumberID
            )
            do {
                guard try await services.mediaRows.forget(key, id: id) else { continue }
                services.media.forget(key)
                isForgotten = true
            } catch {
                logger.warning("Could not forget the id of a file", metadata: ["id": "\(id)", "error": "\(error)"])
            }
        }
        return isForgotten
    }
}
