import Spelling

/// The reason why a campaign cannot be launched.
public enum LaunchError: Error, Equatable, CustomStringConvertible {
    case unknownCampaign(tenant: String, name: String, known: [String])
    /// Several campaigns have the name, and no spec manages one of them.
    case ambiguousName(campaign: String, ids: [String])
    case noAudience(campaign: String)
    case noSender(campaign: String)
    case notLaunchable(campaign: String, status: CampaignStatus)
    case triggered(campaign: String)
    case noEvent(campaign: String)
    case unreadableAudience(campaign: String, problem: String)
    /// No contact is in the audience; the funnel says where the contacts of the tenant are lost.
    case emptyAudience(campaign: String, AudienceFunnel)
    /// A run of the campaign is open, so no other one begins.
    case runOpen(campaign: String, status: CampaignStatus)
    case neverSent(campaign: String)
    /// The caller's key has opened a run of the campaign already, by another kind of request.
    case keyOfAnother(campaign: String)
    /// No failed message of its last run may be repeated; some of them may have been deleted by retention.
    case nothingToRetry(campaign: String, deleted: Int = 0)
    /// No message in doubt of its last run may be sent again.
    case noneToResend(campaign: String)
    /// The audience has people, but none of them has written within 24 hours, and the message is free text.
    case noneReachable(campaign: String, people: Int)
    /// More recipients than the tenant's policy allows.
    case tooManyRecipients(campaign: String, recipients: Int, allowed: Int)
    /// The tenant's policy forbids the launch.
    case policy(campaign: String, problem: String)
    /// WhatsApp would refuse the template of the campaign.
    case template(campaign: String, problem: String)
    case quotaExhausted(campaign: String, problem: String)
    /// The tenant's wallet has fewer tokens than the run would have to hold in addition.
    case insufficientBalance(campaign: String, needed: Int, available: Int)

    /// True if the launch was refused as it should be, so that nothing has failed.
    var isRuled: Bool {
        switch self {
        case .tooManyRecipients, .policy, .noneReachable, .template: true
        default: false
        }
    }

    public var description: String {
        switch self {
        case .unknownCampaign(let tenant, let name, let known):
            "no campaign `\(name)` in tenant `\(tenant)`; "
                + (known.isEmpty
                    ? "the tenant has no campaigns: run reconcile first"
                    : "known are \(known.map { "`\($0)`" }.joined(separator: ", "))")
        case .ambiguousName(let campaign, let ids):
            "\(ids.count) campaigns are named `\(campaign)`, and no spec manages one of them; name one by its id: "
                + ids.joined(separator: ", ")
        case .noAudience(let campaign):
            "campaign `\(campaign)` has no audience; give it one in its spec"
        case .noSender(let campaign):
            "campaign `\(campaign)` has no sender; give it one in its spec"
        case .notLaunchable(let campaign, let status):
            "campaign `\(campaign)` is \(status.rawValue) and cannot be launched"
        case .triggered(let campaign):
            "campaign `\(campaign)` is started by its trigger, not by hand"
        case .noEvent(let campaign):
            "campaign `\(campaign)` waits for no event; give it a triggerType"
        case .unreadableAudience(let campaign, let problem):
            "the stored audience of campaign `\(campaign)` cannot be read: \(problem)"
        case .emptyAudience(let campaign, let funnel):
            "no contact matches the audience of campaign `\(campaign)`: \(funnel.words)"
        case .runOpen(let campaign, let status):
            status == .paused
                ? "a run of campaign `\(campaign)` is paused; resume it first, and wait until it is completed"
                : "a run of campaign `\(campaign)` is open; wait until it is completed"
        case .neverSent(let campaign):
            "campaign `\(campaign)` was never sent; launch it first"
        case .keyOfAnother(let campaign):
            "the key has opened another run of campaign `\(campaign)`, by another kind of request; take a new key"
        case .nothingToRetry(let campaign, let deleted):
            "campaign `\(campaign)` has no failed messages to repeat: none that was never accepted, and whose contact is "
                + "opted in and active"
                + (deleted > 0 ? "; retention has deleted \(deleted) that failed or were in doubt" : "")
        case .noneToResend(let campaign):
            "campaign `\(campaign)` has no message in doubt that can be sent again: reports have come meanwhile, or the "
                + "contacts opted out or cannot be reached"
        case .tooManyRecipients(let campaign, let recipients, let allowed):
            "campaign `\(campaign)` has \(recipients.grouped) recipients, and the policy of its tenant allows \(allowed.grouped)"
        case .policy(let campaign, let problem), .template(let campaign, let problem):
            "campaign `\(campaign)` \(problem)"
        case .noneReachable(let campaign, let people):
            "campaign `\(campaign)` sends free text, and none of the \(people.grouped) contacts of its audience has written "
                + "within 24 hours; send a template"
        case .quotaExhausted(let campaign, let problem):
            "campaign `\(campaign)` cannot send anything now: \(problem)"
        case .insufficientBalance(let campaign, let needed, let available):
            "insufficient balance for campaign `\(campaign)`: needs \(needed.grouped) tokens, \(available.grouped) available; "
                + "top up with: campaignd wallet top-up"
        }
    }
}
