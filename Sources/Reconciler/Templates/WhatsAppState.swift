import Foundation
import JSON
import Postgres
import Spec
import Store

/// The templates at WhatsApp in the accounts of a plan, and the wishes so far.
struct WhatsAppState: Sendable {
    /// A template at WhatsApp.
    struct Key: Hashable {
        let tenant: String
        let account: String
        let name: String
        /// With an underscore.
        let language: String
    }

    private struct Account: Hashable {
        let tenant: String
        let name: String
    }

    let now: Date
    private let views: [Account: AccountView]
    private let templates: [Key: SeenTemplate]
    private let wishes: [Key: [SubmissionRecord]]
    /// The deletions of all languages, which have no key.
    private let deletions: [SubmissionRecord]
    private let names: [Account: Set<String>]
    /// The names of the templates that campaigns send which no spec manages, by tenant.
    private let unmanagedNames: [String: Set<String>]

    init(
        now: Date,
        views: [AccountView] = [],
        submissions: [SubmissionRecord] = [],
        unmanagedNames: [String: Set<String>] = [:]
    ) {
        self.now = now
        self.unmanagedNames = unmanagedNames
        var (known, templates): ([Account: AccountView], [Key: SeenTemplate]) = ([:], [:])
        var names: [Account: Set<String>] = [:]
        for view in views {
            let account = Account(tenant: view.tenantID, name: view.name)
            known[account] = view
            for template in view.templates {
                let key = Key(
                    tenant: view.tenantID,
                    account: view.name,
                    name: template.name,
                    language: template.language
                )
                templates[key] = template
                names[account, default: []].insert(template.name)
            }
        }
        for record in submissions {
            names[Account(tenant: record.wish.tenantID, name: record.wish.account), default: []].insert(
                record.wish.name
            )
        }
        (self.views, self.templates, self.names) = (known, templates, names)
        deletions = submissions.filter { $0.wish.language == nil }
        wishes = Dictionary(grouping: submissions.filter { $0.wish.language != nil }) { record in
            Key(
                tenant: record.wish.tenantID,
                account: record.wish.account,
                name: record.wish.name,
                language: record.wish.language ?? ""
            )
        }
    }

    /// Reads the state for a plan.
    ///
    /// - Parameters:
    ///   - desired: The specs; nothing is read if none of them belongs to an account, and nothing is to be deleted.
    ///   - now: The time from which limits count.
    ///   - connection: The connection of the plan.
    /// - Returns: The state.
    /// - Throws: `PostgresError`.
    static func read(_ desired: DesiredState, now: Date, on connection: PostgresConnection) async throws -> Self {
        let tenants = desired.accountTenants
        guard !tenants.isEmpty else { return Self(now: now) }
        let submissions = try await SubmissionRepository.recent(tenants: tenants, on: connection)
        return Self(
            now: now,
            views: try await AccountViewRepository.views(tenants: tenants, on: connection),
            submissions: submissions,
            unmanagedNames: desired.deletionsAtWhatsApp.isEmpty
                ? [:] : try await SubmissionRepository.unmanagedNames(tenants: tenants, on: connection)
        )
    }

    /// Returns true if the templates of an account were read at least once.
    func isRead(_ tenant: String, _ account: String) -> Bool { sweptAt(tenant, account) != nil }

    /// Returns the end of the last whole reading of an account.
    func sweptAt(_ tenant: String, _ account: String) -> Date? {
        views[Account(tenant: tenant, name: account)]?.sweptAt
    }

    /// Returns the reason why an account cannot be read.
    func error(_ tenant: String, _ account: String) -> String? {
        views[Account(tenant: tenant, name: account)]?.error
    }

    /// Returns a template as WhatsApp returned it last, whether it is still there or not.
    func seen(_ key: Key) -> SeenTemplate? {
        guard isRead(key.tenant, key.account) else { return nil }
        return templates[key]
    }

    /// Returns a template that is there, as WhatsApp returned it last.
    func present(_ key: Key) -> SeenTemplate? {
        guard let seen = seen(key), seen.goneAt == nil, !["PENDING_DELETION", "DELETED"].contains(seen.status ?? "")
        else { return nil }
        return seen
    }

    /// Returns the accounts of a tenant that have a name, in any language, with those languages.
    func accounts(having name: String) -> [(tenant: String, account: String, languages: [String])] {
        let found = templates.keys.filter { $0.name == name && present($0) != nil }
        let grouped = Dictionary(grouping: found) { Account(tenant: $0.tenant, name: $0.account) }
        return grouped.map { ($0.key.tenant, $0.key.name, $0.value.map(\.language).sorted()) }
            .sorted { ($0.tenant, $0.account) < ($1.tenant, $1.account) }
    }

    /// Returns true if a name is or was in use in an account.
    func knows(_ name: String, _ tenant: String, _ account: String) -> Bool {
        names[Account(tenant: tenant, name: account)]?.contains(name) ?? false
    }

    /// Returns the wishes for a template, the latest one first, without those that others superseded.
    func wishes(_ key: Key) -> [SubmissionRecord] {
        (wishes[key] ?? []).filter { $0.status != .superseded }
    }

    /// Returns the deletions of a name that were wished, the latest one first; of all languages for `nil`.
    func deletions(of name: String, _ tenant: String, _ account: String, language: String?) -> [SubmissionRecord] {
        guard let language else {
            return deletions.filter {
                $0.wish.name == name && $0.wish.tenantID == tenant && $0.wish.account == account
                    && $0.status != .superseded
            }
        }
        return wishes(Key(tenant: tenant, account: account, name: name, language: language))
            .filter { $0.wish.action == .delete }
    }

    /// Returns true if campaigns that no spec manages send a template of the name.
    func isUsedByUnmanaged(_ name: String, tenant: String) -> Bool {
        unmanagedNames[tenant]?.contains(name) ?? false
    }

    /// Returns true if WhatsApp does not take a name, because an approved template of it was deleted within 30 days.
    func isBarred(_ key: Key) -> Bool {
        guard present(key) == nil else { return false }
        let month = now.addingTimeInterval(-30 * 86_400)
        let ours =
            deletions(of: key.name, key.tenant, key.account, language: nil)
            + deletions(of: key.name, key.tenant, key.account, language: key.language)
        if ours.contains(where: { $0.status == .done && ($0.settledAt ?? now) > month }) { return true }
        guard let seen = seen(key) else { return false }
        // A deleted template had another status before, which may be unknown by now.
        let neverApproved = ["PENDING", "REJECTED", "IN_APPEAL", "LIMIT_EXCEEDED"]
        guard !neverApproved.contains(seen.status ?? "") else { return false }
        return seen.goneAt.map { $0 > month } ?? true
    }
}
