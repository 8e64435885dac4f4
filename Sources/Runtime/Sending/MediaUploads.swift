import Foundation
package import Logging
import ServiceLifecycle
import Settings
package import Store
import Synchronization

/// The ids of uploaded files, as the lanes of a daemon need them.
///
/// Nobody waits here for an upload: what is known is told from memory, while ``MediaUploader`` finds the id or uploads the
/// file. The feeder keeps a run out of its lane that waits for one; its messages would use up the slots of others. A message
/// that is in the lane already is given back for a while.
package final class MediaUploads: Sendable {
    /// The state of the files of a message.
    enum Answer: Sendable {
        /// The ids by the digests.
        case ready([String: String])
        /// Some have no id yet: the time after which to ask again, which grows with the wait.
        case waiting(Duration)
        /// One cannot be sent; the reason, with the remedy.
        case refused(MediaUploadRepository.Key, String)
    }

    /// An upload that messages wait for, with the token of their sender.
    struct Wish: Sendable {
        let key: MediaUploadRepository.Key
        let token: AccessToken
        let since: ContinuousClock.Instant
        fileprivate var askedAt: ContinuousClock.Instant
    }

    private enum Known {
        case id(String, until: ContinuousClock.Instant)
        case refused(String, until: ContinuousClock.Instant)
    }

    private struct State {
        var known: [MediaUploadRepository.Key: Known] = [:]
        var wishes: [MediaUploadRepository.Key: Wish] = [:]
    }

    /// The time after which an id is looked up again; until it is, the old one is used.
    private static let life = Duration.seconds(600)
    /// The time for which a refusal is told to messages.
    private static let refusalLife = Duration.seconds(10)
    /// The shortest delay of a message that waits for an upload.
    static let shortestDelay = Duration.seconds(2)
    /// The longest delay: a lane full of messages that wait takes few of its slots for them.
    static let longestDelay = Duration.seconds(60)
    /// The time after which a wish ends for which no message asks any more, as after the cancellation of its run.
    private static let patience = Duration.seconds(90)
    private static let capacity = 10_000

    let wakeup = WakeSignal()
    private let state = Mutex(State())
    private let clock = ContinuousClock()

    package init() {}

    /// Returns the ids of files for a number; asks for those that are not known.
    func ids(
        of digests: Set<String>,
        tenant: String,
        number: String,
        token: AccessToken,
        now: ContinuousClock.Instant = .now
    ) -> Answer {
        let (answer, hasWish) = state.withLock { state -> (Answer, Bool) in
            var (ids, delay, hasWish): ([String: String], Duration?, Bool) = ([:], nil, false)
            for digest in digests {
                let key = Self.key(digest, tenant, number)
                switch state.known[key] {
                case .id(let id, let end):
                    ids[digest] = id
                    if now < end { continue }
                case .refused(let reason, let end) where now < end: return (.refused(key, reason), hasWish)
                case .refused, nil: break
                }
                let since = state.wishes[key]?.since
                hasWish = hasWish || since == nil
                state.wishes[key] = Wish(key: key, token: token, since: since ?? now, askedAt: now)
                guard ids[digest] == nil else { continue }
                let wait = min((now - (since ?? now)) * 2, Self.longestDelay)
                delay = max(delay ?? Self.shortestDelay, wait)
            }
            return (delay.map { .waiting($0) } ?? .ready(ids), hasWish)
        }
        if hasWish { wakeup.notify() }
        return answer
    }

    /// Returns true if a run with these files has to wait for an upload; asks for it.
    ///
    /// A file that was refused is not waited for: a message that needs it stops the run, and others go on.
    func isAwaited(
        _ digests: Set<String>,
        tenant: String,
        number: String,
        token: AccessToken,
        now: ContinuousClock.Instant = .now
    ) -> Bool {
        let others = state.withLock { state in
            digests.filter { digest in
                if case .refused? = state.known[Self.key(digest, tenant, number)] { false } else { true }
            }
        }
        guard case .waiting = ids(of: others, tenant: tenant, number: number, token: token, now: now) else {
            return false
        }
        return true
    }

    private static func key(_ digest: String, _ tenant: String, _ number: String) -> MediaUploadRepository.Key {
        MediaUploadRepository.Key(file: MediaRepository.Key(tenant: tenant, digest: digest), number: number)
    }

    /// Returns the uploads that messages wait for, and ends those for which no message has asked lately.
    func wishes(now: ContinuousClock.Instant = .now) -> [Wish] {
        state.withLock { state in
            state.wishes = state.wishes.filter { now - $0.value.askedAt <= Self.patience }
            return Array(state.wishes.values)
        }
    }

    func learn(_ key: MediaUploadRepository.Key, id: String) {
        state.withLock { state in
            if state.known.count >= Self.capacity { state.known.removeAll() }
            state.known[key] = .id(id, until: clock.now + Self.life)
            state.wishes[key] = nil
        }
    }

    func learn(_ key: MediaUploadRepository.Key, refusal: String) {
        state.withLock { state in
            state.known[key] = .refused(refusal, until: clock.now + Self.refusalLife)
            state.wishes[key] = nil
        }
    }

    /// Forgets an id, so that messages wait for another one.
    func forget(_ key: MediaUploadRepository.Key) { state.withLock { $0.known[key] = nil } }

    /// The code of WhatsApp for media that it could not fetch or use.
    static let refusalCode = 131_053

    /// Forgets the old ids of files with which messages failed that WhatsApp had accepted.
    ///
    /// Later messages upload the files again. Other daemons learn of it when they look the id up again, after ten minutes at most.
    ///
    /// - Parameters:
    ///   - statuses: Reports of messages; only failures because of media count.
    ///   - rows: The ids of all daemons.
    /// - Returns: The files whose ids are forgotten.
    /// - Throws: `PostgresError`; harmless to repeat.
    func forget(
        ofFailed statuses: [DeliveryStatus],
        rows: MediaUploadRepository
    ) async throws -> [MediaUploadRepository.Key] {
        let failed = statuses.filter { $0.rank == .failed && $0.failure?.code == String(Self.refusalCode) }
        var forgotten: [MediaUploadRepository.Key] = []
        for upload in try await rows.uploads(sentWith: failed.map { ($0.waMessageID, $0.messageID) })
        where try await rows.forget(upload.key, id: upload.id) {
            forget(upload.key)
            forgotten.append(upload.key)
        }
        return forgotten
    }
}

/// Finds the ids of files that messages wait for, and uploads files that have none.
///
/// Any number of daemons may run one: of several, the one with the lease of a file uploads it. A graceful shutdown lets the
/// uploads under way end; a daemon that dies leaves a lease that expires.
package struct MediaUploader: Service {
    /// Uploads at a time: each has a file of up to 16 MB in memory.
    private static let width = 2
    /// The length of a lease in seconds: longer than an upload may take.
    private static let lease = Int(MediaUpload.timeout.components.seconds) + 30

    /// Returns the wait after an attempt that failed for a moment, in seconds: the longer messages have waited, up to a minute.
    static func postponement(after wait: Duration) -> Int { min(max(Int(wait.components.seconds), 5), 60) }

    /// The remedy for another file: a run keeps the content with which it was launched.
    private static let replacement = "To send another file, cancel the run, apply, and send the campaign again"

    let uploads: MediaUploads
    let files: MediaRepository
    let rows: MediaUploadRepository
    let channel: any MediaChannel
    let logger: Logger

    package init(
        uploads: MediaUploads,
        files: MediaRepository,
        rows: MediaUploadRepository,
        channel: any MediaChannel,
        logger: Logger
    ) {
        (self.uploads, self.files, self.rows) = (uploads, files, rows)
        (self.channel, self.logger) = (channel, logger)
    }

    package func run() async {
        let loop = PeriodicLoop(
            every: .seconds(1),
            wakeup: uploads.wakeup,
            logger: logger,
            failure: "Could not upload files, trying again"
        )
        await loop.run {
            var wishes = uploads.wishes()[...]
            try await withThrowingTaskGroup { group in
                for wish in wishes.prefix(Self.width) { group.addTask { try await fulfil(wish) } }
                wishes = wishes.dropFirst(Self.width)
                while try await group.next() != nil {
                    guard let wish = wishes.popFirst(), !Task.isShuttingDownGracefully else { continue }
                    group.addTask { try await fulfil(wish) }
                }
            }
        }
    }

    /// Finds the id that messages wait for, or makes one attempt to upload the file.
    private func fulfil(_ wish: MediaUploads.Wish) async throws {
        let key = wish.key
        switch try await rows.begin(key, leaseFor: Self.lease) {
        case .ready(let id): uploads.learn(key, id: id)
        case .refused(let error): uploads.learn(key, refusal: error)
        case .busy: break
        case .unknown:
            uploads.learn(
                key,
                refusal: "the file sha256:\(key.file.digest) is not stored; apply the specs that name it, "
                    + "and resume the campaign. \(Self.replacement)"
            )
        case .leased:
            guard let file = try await files.bytes(of: key.file) else {
                // Deleted since the lease was taken; the row of the lease went with it.
                return
            }
            try await upload(file.bytes, type: file.type, for: wish)
        }
    }

    private func upload(_ bytes: [UInt8], type: String, for wish: MediaUploads.Wish) async throws {
        let key = wish.key
        let metadata: Logger.Metadata = [
            "tenant": "\(key.file.tenant)", "number": "\(key.number)", "file": "sha256:\(key.file.digest)",
        ]
        let upload = MediaUpload(
            number: key.number,
            token: wish.token,
            digest: key.file.digest,
            type: type,
            bytes: bytes
        )
        switch await channel.upload(upload) {
        case .stored(let id):
            CrashPoint.mediaUploaded.reach()
            try await rows.finish(key, id: id)
            uploads.learn(key, id: id)
            logger.info("File uploaded", metadata: metadata.merging(["bytes": "\(bytes.count)"]) { $1 })
        case .refused(let problem):
            // A name for people; without it, the digest is that of the plan.
            let path = (try? await files.facts(of: key.file))?.path.map { "`\($0)`, " } ?? ""
            let reason =
                "WhatsApp refused the file \(path)sha256:\(key.file.digest) (\(type)): \(problem). "
                + "To try it again, resume the campaign. \(Self.replacement)"
            try await rows.fail(key, error: reason)
            uploads.learn(key, refusal: reason)
            logger.error("File refused", metadata: metadata.merging(["reason": "\(problem)"]) { $1 })
        case .failed(let problem):
            try await rows.postpone(key, seconds: Self.postponement(after: ContinuousClock.now - wish.since))
            logger.warning(
                "File not uploaded, trying again",
                metadata: metadata.merging(["reason": "\(problem)"]) { $1 }
            )
        }
    }
}
