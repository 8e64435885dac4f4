import Synchronization

/// The templates as the send path sees them, apart from the management side, which may take long.
final class SendRules: Sendable {
    /// The rule for a message with a template.
    enum Verdict: Sendable {
        /// The simulator knows nothing of the template.
        case unknown
        /// The template can be sent, but its parameters cannot be checked.
        case unchecked
        case rule(SimulatorRules.Template)
    }

    private struct Entry: Sendable {
        let account: String
        let rule: SimulatorRules.Template?
    }

    private struct State: Sendable {
        var entries: [String: [Entry]] = [:]
        /// The names that are or were here.
        var names: Set<String> = []
        var accounts: [String: String] = [:]
        var refusesUnknown = false
    }

    private let state = Mutex(State())
    /// False while no template is known, so that the usual message costs one look.
    private let isActive = Atomic(false)

    func configure(_ settings: ManagementSettings) {
        state.withLock { state in
            state.refusesUnknown = settings.refusesUnknownTemplates
            state.accounts = [:]
            for number in settings.numbers { state.accounts[number.id] = number.account }
            isActive.store(state.refusesUnknown || !state.names.isEmpty, ordering: .releasing)
        }
    }

    func reset(_ settings: ManagementSettings) {
        state.withLock { $0 = State() }
        configure(settings)
    }

    /// Takes the present state of a template; `nil` if it was deleted.
    func set(_ template: StoredTemplate?, key: String, account: String) {
        state.withLock { state in
            state.entries[key, default: []].removeAll { $0.account == account }
            if let template { state.entries[key, default: []].append(Entry(account: account, rule: template.rule)) }
            state.names.insert(String(key.prefix { $0 != " " }))
            isActive.store(true, ordering: .releasing)
        }
    }

    /// Returns the rule for a message of a number; the number's own account comes before others.
    func verdict(name: String, language: String, phoneNumberID: String) -> Verdict {
        guard isActive.load(ordering: .acquiring) else { return .unknown }
        return state.withLock { state in
            let entries = state.entries[StoredTemplate.key(name, language)] ?? []
            let account = state.accounts[phoneNumberID]
            let entry = entries.first { $0.account == account } ?? (account == nil ? entries.first : nil)
            if let entry { return entry.rule.map(Verdict.rule) ?? .unchecked }
            guard state.refusesUnknown || state.names.contains(name) else { return .unknown }
            var missing = SimulatorRules.Template(name: name, language: language)
            missing.status = "DELETED"
            return .rule(missing)
        }
    }
}
