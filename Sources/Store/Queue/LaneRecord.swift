public import Foundation
public import Postgres

/// The settings of a sender that its lane needs: identity, rate limit, and the reaction to errors.
public struct LaneRecord: Hashable, Sendable, Identifiable {
    public enum PairLimit: String, PostgresScalar {
        /// A rate limit for one recipient pauses the whole lane.
        case pause
        /// It delays only that recipient.
        case `defer`
    }

    /// The sender's id.
    public let id: UUID
    public let tenantID: String
    public let name: String
    public let phoneNumberID: String
    /// A reference such as `env:WHATSAPP_TOKEN_ACME`, never the token.
    public let accessToken: String
    public let ratePerSecond: Int
    public let quotaGroup: String
    public let pairLimit: PairLimit
    /// The number itself, if only a message to it opens the 24 hour window; `nil` if one to any of the tenant's does.
    public let windowNumber: String?
    /// Business-initiated messages in 24 hours; `nil` for no limit.
    public let dailyLimit: Int?
    /// The rest of the tenant's quiet hours, if messages wait for their end; zero outside of them, and if they follow the clock
    /// of each contact.
    public let quietFor: Duration
    /// True if the quiet hours of the tenant follow the clock of each contact.
    public let hasContactClocks: Bool
    /// The time at which some of the 24 h quota returns, if all its runs wait for that; `nil` otherwise.
    public let quotaUntil: Date?
    /// The epoch that the data of the group in Redis must have.
    public let epoch: Int
    /// True if Redis has never held data of the group, so that nothing was lost.
    public var isNew: Bool { epoch == Self.firstEpoch }
    static let firstEpoch = 1
    /// Messages of running runs that should be in the lane, or held by a lease.
    public private(set) var expected: Int

    init(row: PostgresRow) throws(PostgresError) {
        id = try row.decode("id")
        tenantID = try row.decode("tenantId")
        name = try row.decode("name")
        phoneNumberID = try row.decode("phoneNumberId")
        accessToken = try row.decode("accessToken")
        ratePerSecond = try row.decode("ratePerSecond")
        quotaGroup = try row.decode("quotaGroup")
        pairLimit = try row.decode("pairLimit")
        windowNumber = try row.decode("windowNumber")
        dailyLimit = try row.decode("dailyLimit")
        quietFor = .seconds(max(0, try row.decode("quietFor", as: Double.self)))
        hasContactClocks = try row.decode("hasContactClocks")
        quotaUntil = try row.decode("quotaUntil")
        epoch = try row.decode("epoch")
        expected = try row.decode("expected")
    }

    /// Returns the lane of a sender whose runs have nothing to send any more.
    public func emptied() -> LaneRecord {
        var lane = self
        lane.expected = 0
        return lane
    }
}

/// A lane without messages to send.
public struct IdleLane: Hashable, Sendable {
    public let sender: UUID
    public let quotaGroup: String
    /// The epoch of the group.
    public let epoch: Int
}
