import Store

/// The number and the account of WhatsApp that one change of a webhook is about.
package struct WebhookSource: Hashable, Sendable {
    package let phoneNumberID: String?
    package let businessAccountID: String?

    package init(phoneNumberID: String?, businessAccountID: String?) {
        (self.phoneNumberID, self.businessAccountID) = (phoneNumberID, businessAccountID)
    }
}

/// Decides to which tenant a webhook may be passed on.
///
/// A webhook is passed on as a whole, so all people in it must be of one tenant.
struct ForwardRoutes: Sendable {
    enum Route: Hashable {
        case tenant(String)
        /// About a tenant that forwards, and about others or about numbers that no tenant is known to have.
        case mixed(Set<String>)
        case none
    }

    private let receivers: Set<String>
    /// The tenants by number, and by account.
    private let owners: [String: Set<String>]
    private let accounts: [String: Set<String>]

    init() { self.init(receivers: [], numbers: []) }

    init(receivers: Set<String>, numbers: [ForwardRepository.Number]) {
        self.receivers = receivers
        var (active, former, accounts) = ([:], [:], [:]) as (Owners, Owners, Owners)
        for number in numbers {
            guard !number.isArchived else {
                former[number.phoneNumberID, default: []].insert(number.tenantID)
                continue
            }
            active[number.phoneNumberID, default: []].insert(number.tenantID)
            guard let account = number.businessAccountID else { continue }
            accounts[account, default: []].insert(number.tenantID)
        }
        owners = active.merging(former) { active, _ in active }
        self.accounts = accounts
    }

    private typealias Owners = [String: Set<String>]

    var isEmpty: Bool { receivers.isEmpty }

    /// Returns where a webhook goes.
    ///
    /// A number belongs to the tenants whose senders have it. One that no sender has, such as that of a help desk, belongs
    /// to its account, if the numbers of the account that are known belong to one tenant.
    func route(for sources: Set<WebhookSource>) -> Route {
        guard !isEmpty else { return .none }
        var tenants: Set<String> = []
        var hasStrangers = false
        for source in sources {
            let known = source.phoneNumberID.flatMap { owners[$0] } ?? source.businessAccountID.flatMap { accounts[$0] }
            if let known { tenants.formUnion(known) } else { hasStrangers = true }
        }
        guard !tenants.isDisjoint(with: receivers) else { return .none }
        if let tenant = tenants.first, tenants.count == 1, !hasStrangers { return .tenant(tenant) }
        return .mixed(tenants)
    }
}
