/// Why a campaign cannot be changed as somebody wishes; nothing has happened then.
public enum CampaignError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The tenant has no such campaign.
    case unknown
    /// A file owns it.
    case managed(file: String?)
    case protected
    /// Its state does not allow it.
    case state(CampaignStatus, action: String)
    /// It has been launched before, so it has runs that must stay.
    case hasRuns
    /// It lacks what is needed.
    case incomplete(String)
    /// The policy of its tenant forbids it.
    case policy(String)

    public var description: String {
        switch self {
        case .unknown: "there is no such campaign"
        case .managed(let file):
            "the campaign is owned by \(file.map { "the file \($0)" } ?? "a spec"): change it there"
        case .protected: "the campaign is protected"
        case .state(let status, let action): "a campaign that is \(status.rawValue) cannot be \(action)"
        case .hasRuns: "the campaign has been launched before"
        case .incomplete(let what), .policy(let what): what
        }
    }
}
