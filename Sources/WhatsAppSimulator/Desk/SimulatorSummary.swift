/// What a simulator did since it started or was reset.
public struct SimulatorSummary: Codable, Hashable, Sendable {
    /// All send requests.
    public var requests = 0
    /// Requests whose message was taken, whether or not the caller learned it.
    public var accepted = 0
    /// Requests whose message was not taken.
    public var rejected = 0
    /// Requests among ``accepted`` whose caller did not learn it.
    public var lost = 0
    /// Rejections by error code; 0 stands for answers without a code.
    public var rejectedByCode: [Int: Int] = [:]
    /// Different recipients with at least one accepted message.
    public var recipients = 0
    /// Different recipients with more than one accepted message.
    public var recipientsAcceptedMoreThanOnce = 0
    /// The most requests in any sliding second, by phone number id.
    public var mostRequestsInOneSecond: [String: Int] = [:]
    /// The most accepted requests in any sliding second, by phone number id.
    public var mostAcceptedInOneSecond: [String: Int] = [:]
    /// What became of the statuses.
    public var webhooks = WebhookSummary()

    /// Makes the summary of no requests.
    public init() {}
}
