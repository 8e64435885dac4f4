public import Foundation

/// The reports of WhatsApp about one message, folded into one.
public struct DeliveryStatus: Hashable, Sendable {
    /// The statuses that WhatsApp reports, in the order in which they may follow each other.
    public enum Rank: Int, Comparable, Sendable {
        case sent, failed, delivered, read

        public static func < (left: Rank, right: Rank) -> Bool { left.rawValue < right.rawValue }
    }

    public let waMessageID: String
    /// Our id, when the report carried it.
    public private(set) var messageID: UUID?
    /// The highest status reported.
    ///
    /// A later delivered or read replaces `failed`.
    public private(set) var rank: Rank
    public private(set) var sentAt: Date?
    public private(set) var deliveredAt: Date?
    public private(set) var readAt: Date?
    public private(set) var failedAt: Date?
    public private(set) var failure: MessageOutcome.Failure?
    /// The type and category of its price, such as `regular/marketing`; `nil` if no report told it.
    public private(set) var pricing: String?

    public init(
        waMessageID: String,
        messageID: UUID?,
        rank: Rank,
        at time: Date,
        failure: MessageOutcome.Failure? = nil,
        pricing: String? = nil
    ) {
        self.waMessageID = waMessageID
        self.messageID = messageID
        self.rank = rank
        self.failure = failure
        self.pricing = pricing
        switch rank {
        case .sent: sentAt = time
        case .delivered: deliveredAt = time
        case .read: readAt = time
        case .failed: failedAt = time
        }
    }

    /// Merges another report of the same message; the order does not matter.
    public mutating func merge(_ other: DeliveryStatus) {
        messageID = messageID ?? other.messageID
        rank = max(rank, other.rank)
        sentAt = earliest(sentAt, other.sentAt)
        deliveredAt = earliest(deliveredAt, other.deliveredAt)
        readAt = earliest(readAt, other.readAt)
        failedAt = earliest(failedAt, other.failedAt)
        failure = failure ?? other.failure
        pricing = pricing ?? other.pricing
    }

    /// Names the message by our id.
    mutating func name(_ message: UUID?) { messageID = message }

    var status: MessageStatus {
        switch rank {
        case .sent: .sent
        case .delivered: .delivered
        case .read: .read
        case .failed: .failed
        }
    }

    private func earliest(_ one: Date?, _ other: Date?) -> Date? {
        guard let one, let other else { return one ?? other }
        return min(one, other)
    }
}

extension Sequence<DeliveryStatus> {
    /// Returns one status per message, in the order in which the messages first appear.
    public func foldedByMessage() -> [DeliveryStatus] {
        var folded: [DeliveryStatus] = []
        // A message may be named by our id in one report, and by WhatsApp's alone in another.
        var places: [String: Int] = [:]
        for status in self {
            let names = [status.waMessageID] + (status.messageID.map { [$0.uuidString] } ?? [])
            let place = names.lazy.compactMap { places[$0] }.first ?? folded.count
            if place == folded.count { folded.append(status) } else { folded[place].merge(status) }
            for name in names where places[name] == nil { places[name] = place }
        }
        return folded
    }
}
