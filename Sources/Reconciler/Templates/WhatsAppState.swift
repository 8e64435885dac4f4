import Foundation
import JSON
import Postgres
import Spec
import Store

/// The templates at WhatsApp in the accounts of a plan, the wishes so far, and what sends the templates.
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

    /// A wish that is not over.
    struct OpenWish {
        let record: SubmissionRecord
        /// The account by the name of its spec; `nil` if it is for an account that no spec has any more.
        let account: String?
    }

    let now: Date
    /// The wishes that are not over, the latest one first, also those of accounts that have changed.
    let openWishes: [OpenWish]
    private let views: [Account: AccountView]
    private let templates: [Key: SeenTemplate]
    private let wishes: [Key: [SubmissionRecord]]
    /// The deletions of all languages, which have no key.
    private let deletions: [Account: [SubmissionRecord]]
    private let names: [Account: Set<String>]
    private let uses: [TemplateUse]
    /// WhatsApp's ids of the accounts of specs.
    private let wabaIDs: [Account: String]

    /// Makes the state.
    ///
    /// - Parameters:
    ///   - now: The time from which limits count.
    ///   - desired: The specs. What is known of an account counts only for the spec that keeps its row and its `wabaId`.
    ///   - views: What WhatsApp holds.
    ///   - submissions: The wishes so far, the latest one first.
    ///   - uses: What sends templates, of any tenant.
    init(
        now: Date,
        desired: DesiredState,
        views: [AccountView] = [],
        submissions: [SubmissionRecord] = [],
        uses: [TemplateUse] = []
    ) {
        self.now = now
        self.uses = uses
        var (wabaIDs, successors): ([Account: String], [Account: Account]) = ([:], [:])
        for item in desired.items.values where item.identity.kind == .account {
            let account = Account(tenant: item.identity.tenant, name: item.identity.name)
            wabaIDs[account] = item.content["wabaId"]?.stringValue
            if let former = item.renamedFrom {
                successors[Account(tenant: former.tenant, name: former.name)] = account
            }
        }
        var (known, templates): ([Account: AccountView], [Key: SeenTemplate]) = ([:], [:])
        var (names, rows): ([Account: Set<String>], [UUID: Account]) = ([:], [:])
        for view in views {
            let own = Account(tenant: view.tenantID, name: view.name)
            guard let account = wabaIDs[own] == nil ? successors[own] : own, wabaIDs[account] == view.wabaID else {
                continue
            }
            rows[view.accountID] = account
            known[account] = view
            for template in view.templates {
                let key = Key(
                    tenant: account.tenant,
                    account: account.name,
                    name: template.name,
                    language: template.language
                )
                templates[key] = template
                names[account, default: []].insert(template.name)
            }
        }
        var (open, wishes): ([OpenWish], [Key: [SubmissionRecord]]) = ([], [:])
        var deletions: [Account: [SubmissionRecord]] = [:]
        for record in submissions {
            let wish = record.wish
            let own = Account(tenant: wish.tenantID, name: wish.account)
            // Snapshots of versions before have neither id.
            let row = record.accountID.map { rows[$0] } ?? known[own].map { _ in own }
            let account = row.flatMap { (record.wabaID ?? wabaIDs[$0]) == wabaIDs[$0] ? $0 : nil }
            if record.status.isOpen { open.append(OpenWish(record: record, account: account?.name)) }
            guard let account else { continue }
            names[account, default: []].insert(wish.name)
            guard let language = wish.language else {
                deletions[account, default: []].append(record)
                continue
            }
            let key = Key(tenant: account.tenant, account: account.name, name: wish.name, language: language)
            wishes[key, default: []].append(record)
        }
        (self.views, self.templates, self.names, self.wabaIDs) = (known, templates, names, wabaIDs)
        (openWishes, self.wishes, self.deletions) = (open, wishes, deletions)
    }

    /// Reads the state for a plan.
    ///
    /// - Parameters:
    ///   - desired: The specs.
    ///   - state: The rows; nothing is read if neither they nor the specs have accounts of WhatsApp.
    ///   - now: The time from which limits count.
    ///   - connection: The connection of the plan.
    /// - Returns: The state.
    /// - Throws: `PostgresError`.
    static func read(
        _ desired: DesiredState,
        _ state: CurrentState,
        now: Date,
        on connection: PostgresConnection
    ) async throws -> Self {
        let identities = [SpecIdentity](desired.items.keys) + state.rows.keys
        let tenants = Set(identities.lazy.filter { $0.kind == .account }.map(\.tenant)).sorted()
        guard !tenants.isEmpty else { return Self(now: now, desired: desired) }
        let submissions = try await SubmissionRepository.recent(tenants: tenants, on: connection)
        let deleted = desired.namesDeletedAtWhatsApp + submissions.filter(\.isOpenDeletion).map(\.wish.name)
        return Self(
            now: now,
            desired: desired,
            views: try await AccountViewRepository.views(tenants: tenants, on: connection),
            submissions: submissions,
            uses: deleted.isEmpty ? [] : try await TemplateUse.read(names: deleted, on: connection)
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

    /// Returns the open wishes for a template, the latest one first, with deletions of all its languages.
    func open(_ key: Key) -> [SubmissionRecord] {
        openWishes.lazy.filter {
            let wish = $0.record.wish
            return $0.account == key.account && wish.tenantID == key.tenant && wish.name == key.name
                && (wish.language ?? key.language) == key.language
        }
        .map(\.record)
    }

    /// Returns the deletions of a name that were wished, the latest one first; of all languages for `nil`.
    func deletions(of name: String, _ tenant: String, _ account: String, language: String?) -> [SubmissionRecord] {
        guard let language else {
            return (deletions[Account(tenant: tenant, name: account)] ?? [])
                .filter { $0.wish.name == name && $0.status != .superseded }
        }
        return wishes(Key(tenant: tenant, account: account, name: name, language: language))
            .filter { $0.wish.action == .delete }
    }

    /// Returns what sends a template of an account at WhatsApp, in words; `nil` if nothing does.
    ///
    /// Rows of specs count only for tenants that the plan leaves alone: of the others, the specs tell.
    func user(
        of name: String,
        _ language: String?,
        _ tenant: String,
        _ account: String,
        planning isPlanned: (String) -> Bool
    ) -> String? {
        let waba = wabaIDs[Account(tenant: tenant, name: account)]
        return uses.first { use in
            guard use.name == name, language == nil || use.language == nil || use.language == language,
                !(use.isManaged && isPlanned(use.tenantID))
            else { return false }
            guard let other = use.wabaID else {
                return use.tenantID == tenant
                    || wabaIDs.contains { $0.key.tenant == use.tenantID && $0.value == waba }
            }
            return other == waba
        }?
        .words
    }

    /// Returns true if WhatsApp does not take a name, because an approved template of it was deleted within 30 days.
    func isBarred(_ key: Key) -> Bool {
        guard present(key) == nil else { return false }
        let month = now.addingTimeInterval(-30 * 86_400)
        let ours =
            deletions(of: key.name, key.tenant, key.account, language: nil)
            + deletions(of: key.name, key.tenant, key.account, language: key.language)
        let seen = seen(key)
        // Only the name of a template that was approved is barred; what is not known may have been.
        let neverApproved = ["PENDING", "REJECTED", "IN_APPEAL", "LIMIT_EXCEEDED"]
        guard !neverApproved.contains(seen?.formerStatus ?? seen?.status ?? "") else { return false }
        if ours.contains(where: { $0.status == .done && ($0.settledAt ?? now) > month }) { return true }
        guard let seen else { return false }
        return seen.goneAt.map { $0 > month } ?? true
    }
}

extension SubmissionRecord {
    /// True for a deletion that may still happen.
    fileprivate var isOpenDeletion: Bool { wish.action == .delete && status.isOpen }
}
