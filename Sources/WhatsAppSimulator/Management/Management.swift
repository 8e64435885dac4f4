import Foundation
import JSON
import Synchronization

/// The management side of the API: templates, numbers, accounts and their limits, one call at a time.
final class Management: Sendable {
    struct State: Sendable {
        var settings: ManagementSettings
        var portfolio: Portfolio
        var templates: [String: AccountTemplates] = [:]
        /// The accounts of templates.
        var owners: [Int: String] = [:]
        var tasks = DueHeap<ManagementTask>()
        var calls: [String: MovingCount] = [:]
        /// The number of calls that each fault has struck.
        var struck: [Int: Int] = [:]
        var callCount: UInt64 = 0
        var entries: [ManagementEntry] = []
        var serial = 0
    }

    /// Maximum number of calls that are kept for control requests; the ledger has all.
    private static let mostEntries = 10_000
    /// The first id, which no floating-point number holds.
    private static let firstID = 9_100_000_000_000_001

    let clock: SimulatedClock
    let uploads = UploadStore()
    let sendRules = SendRules()
    let configuration: SimulatorConfiguration
    private let queue: WebhookQueue
    private let ledger: Ledger?
    private let dice: Dice
    private let state: Mutex<State>

    init(configuration: SimulatorConfiguration, queue: WebhookQueue, ledger: Ledger?) {
        self.configuration = configuration
        self.queue = queue
        self.ledger = ledger
        clock = configuration.clock
        dice = Dice(seed: configuration.seed)
        state = Mutex(Self.fresh(configuration, configuration.management, serial: 0))
        sendRules.configure(configuration.management)
    }

    private static func fresh(_ configuration: SimulatorConfiguration, _ settings: ManagementSettings, serial: Int)
        -> State
    {
        State(settings: settings, portfolio: Portfolio(configuration, settings), serial: serial)
    }

    var settings: ManagementSettings { state.withLock { $0.settings } }

    /// Replaces the settings; templates stay, numbers and limits begin anew.
    func setSettings(_ settings: ManagementSettings) {
        state.withLock { state in
            state.settings = settings
            let accounts = state.portfolio.accounts
            state.portfolio = Portfolio(configuration, settings)
            state.portfolio.accounts = accounts
            state.struck = [:]
            sendRules.configure(settings)
        }
    }

    /// Forgets everything, and restores the initial settings; ids are not used again.
    func reset() {
        state.withLock { state in
            state = Self.fresh(configuration, configuration.management, serial: state.serial)
            sendRules.reset(configuration.management)
            uploads.reset()
        }
    }

    /// Ends reviews and posts webhooks as they become due, until cancelled.
    func run() async {
        while !Task.isCancelled {
            settle()
            // Cancellation ends the pause early, and then the loop's condition ends the loop.
            try? await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Does what is due.
    func settle() { state.withLock { settle(&$0, now: clock.now) } }

    /// Moves the clock, and does what is due then.
    func advance(by duration: Duration) {
        clock.advance(by: duration)
        settle()
    }

    private func settle(_ state: inout State, now: Int64) {
        while let task = state.tasks.popDue(by: now) {
            switch task {
            case .settle(let account, let id, let revision):
                var effects = effects(state, now)
                state.templates[account]?.settle(id, revision: revision, &effects)
                take(effects, &state)
            case .announce(let event, let id, let revision):
                if state.templates[event.account]?[id]?.revision == revision { post(event, state, now) }
            case .tell(let event): post(event, state, now)
            }
        }
        publish(&state)
    }

    private func effects(_ state: State, _ now: Int64) -> ManagementEffects {
        ManagementEffects(now: now, settings: state.settings, dice: dice)
    }

    private func take(_ effects: ManagementEffects, _ state: inout State) {
        for (due, task) in effects.tasks { state.tasks.insert(task, due: due) }
    }

    /// Tells the send path what has changed.
    private func publish(_ state: inout State) {
        for account in state.templates.keys {
            for (key, template) in state.templates[account]?.takeChanges() ?? [] {
                sendRules.set(template, key: key, account: account)
            }
        }
    }

    private func post(_ event: ManagementEvent, _ state: State, _ now: Int64) {
        guard state.portfolio.accounts[event.account]?.isSubscribed ?? true,
            state.portfolio.subscription?.fields.contains(event.field) ?? true
        else { return }
        let payload = EventPayload(
            accountID: configuration.accountID,
            displayPhoneNumber: configuration.displayPhoneNumber
        )
        let body = payload.body(field: event.field, value: event.value, at: now / 1_000, account: event.account)
        queue.post(body, now: MonotonicTime.now())
    }
}

extension Management {
    /// Returns the fault that strikes a call.
    func strike(_ operation: String, text: String) -> ManagementFault? {
        state.withLock { state in
            state.callCount += 1
            for (index, fault) in state.settings.faults.enumerated() where fault.isAbout(operation, text: text) {
                guard state.struck[index, default: 0] < fault.times ?? .max else { continue }
                let roll = dice.roll(.management, recipient: state.callCount, attempt: 0, index: index)
                guard fault.share > roll else { continue }
                state.struck[index, default: 0] += 1
                return fault
            }
            return nil
        }
    }

    /// Does a call.
    ///
    /// - Returns: The answer, and the use of the limit for a header; `nil` for calls of no account.
    func perform(_ call: ManagementCall, host: String) -> (answer: Result<JSONValue, GraphError>, usage: String?) {
        state.withLock { state in
            let now = clock.now
            settle(&state, now: now)
            state.portfolio.webhookURL = queue.url
            let account = account(of: call.route, state)
            if let account, let error = count(call, account, now, &state) {
                return (.failure(error), usage(call, account, now, state))
            }
            var effects = effects(state, now)
            let answer = Result { () throws(GraphError) in
                try self.answer(call, host: host, &state, &effects)
            }
            take(effects, &state)
            settle(&state, now: now)
            return (answer, account.map { usage(call, $0, now, state) })
        }
    }

    /// Writes a call to the ledger.
    func record(
        _ operation: String,
        method: String,
        target: String,
        body: String,
        answer: Result<JSONValue, GraphError>,
        isLost: Bool = false
    ) {
        var entry = ManagementEntry(
            wall: MonotonicTime.wall(),
            simulated: clock.now,
            operation: operation,
            method: method,
            target: target,
            body: body,
            status: isLost ? 0 : 200,
            answer: isLost ? .lost : .accepted
        )
        switch answer {
        case .success(let json): entry.id = json["id"]?.stringValue
        case .failure(let error):
            entry.answer = .rejected
            entry.status = isLost ? 0 : error.status
            (entry.code, entry.subcode) = (error.code, error.subcode)
        }
        state.withLock { state in
            state.entries.append(entry)
            if state.entries.count > Self.mostEntries { state.entries.removeFirst(Self.mostEntries / 10) }
            ledger?.append(entry)
        }
    }

    /// The last calls, the oldest one first.
    var entries: [ManagementEntry] { state.withLock { $0.entries } }

    private func account(of route: ManagementRoute, _ state: State) -> String? {
        switch route {
        case .templates(let account), .archive(let account, _), .numbers(let account), .subscribedApps(let account):
            account
        case .node(let id), .edit(let id), .unpause(let id):
            Int(id).flatMap { state.owners[$0] } ?? state.portfolio.numbers[id]?.account ?? configuration.accountID
        case .subscriptions, .debugToken: nil
        }
    }

    /// Counts a call; returns an error for one above the limit.
    private func count(_ call: ManagementCall, _ account: String, _ now: Int64, _ state: inout State) -> GraphError? {
        let hour = SimulatedClock.hour
        let (ours, all) = ("\(call.token) \(account)", call.token)
        if let limit = state.settings.appCallsPerHour, state.calls[all]?.count(in: hour, now: now) ?? 0 >= limit {
            return GraphError(code: 4, message: "(#4) Application request limit reached")
        }
        guard state.calls[ours]?.count(in: hour, now: now) ?? 0 < state.settings.callsPerHour else {
            return GraphError(
                code: 80_007,
                message:
                    "(#80007) There have been too many calls to this WhatsApp Business account. Wait a bit and try again."
            )
        }
        for key in [ours, all] { state.calls[key, default: MovingCount()].add(now, keeping: hour) }
        return nil
    }

    private func usage(_ call: ManagementCall, _ account: String, _ now: Int64, _ state: State) -> String {
        let calls = state.calls["\(call.token) \(account)"] ?? MovingCount()
        let limit = state.settings.callsPerHour
        let count = calls.count(in: SimulatedClock.hour, now: now)
        let share = limit == 0 ? 100 : count * 100 / limit
        let wait = count >= limit ? (calls.wait(for: SimulatedClock.hour, now: now) + 59_999) / 60_000 : 0
        let use: JSONValue = [
            "type": "whatsapp", "call_count": .integer(share), "total_cputime": .integer(share / 2),
            "total_time": .integer(share / 2), "estimated_time_to_regain_access": .integer(Int(wait)),
        ]
        let usage = JSONValue.object([account: .array([use])])
        return usage.canonicalText
    }
}

extension Management {
    /// Returns the next id of a template: a number of 16 digits beyond 2^53.
    static func nextID(_ state: inout State) -> Int {
        state.serial += 1
        return firstID + 2 * state.serial
    }

    /// Changes something as Meta would, on a request to the control routes.
    func control(_ kind: String, _ json: JSONValue, host: String) throws(SimulatorError) -> JSONValue {
        let result = state.withLock { state in
            Result { () throws(SimulatorError) in
                let now = clock.now
                settle(&state, now: now)
                var effects = effects(state, now)
                let answer: JSONValue =
                    switch kind {
                    case "template": try controlTemplate(json, host: host, &state, &effects)
                    case "number": try controlNumber(json, &state, &effects)
                    default: controlAccount(json, &state, &effects)
                    }
                take(effects, &state)
                settle(&state, now: now)
                return answer
            }
        }
        return try result.get()
    }

    private func controlTemplate(
        _ json: JSONValue,
        host: String,
        _ state: inout State,
        _ effects: inout ManagementEffects
    ) throws(SimulatorError) -> JSONValue {
        let id = json["id"]?.wholeNumber
        let (name, language) = (json["name"]?.stringValue, json["language"]?.stringValue)
        let known = state.templates.values.lazy.flatMap(\.sorted).first { template in
            id.map { $0 == template.id }
                ?? (name == template.name && (language.map { $0 == template.language } ?? true))
        }
        guard let known else {
            throw .invalid(field: "template", reason: "is not known: give its id, or its name and language")
        }
        let changed = try ManagementControl.change(known, by: json, &effects)
        state.templates[known.account]?.put(changed)
        return changed.json(fields: nil) { uploads.address(of: $0, host: host, now: effects.now) }
    }

    private func controlNumber(
        _ json: JSONValue,
        _ state: inout State,
        _ effects: inout ManagementEffects
    ) throws(SimulatorError) -> JSONValue {
        guard let id = json["id"]?.stringValue, let number = state.portfolio.number(id) else {
            throw .invalid(field: "id", reason: "is not the id of a number")
        }
        if let tier = json["tier"]?.stringValue { state.portfolio.tier = tier }
        let changed = ManagementControl.change(number, by: json, tier: state.portfolio.tier, &effects)
        state.portfolio.update(changed)
        return state.portfolio.json(of: changed, fields: nil)
    }

    private func controlAccount(
        _ json: JSONValue,
        _ state: inout State,
        _ effects: inout ManagementEffects
    ) -> JSONValue {
        let id = json["account"]?.stringValue ?? configuration.accountID
        if let tier = json["tier"]?.stringValue {
            state.portfolio.tier = tier
            ManagementControl.tellTier(tier, json, account: id, &effects)
        }
        let account = state.portfolio.accounts[id] ?? Portfolio.Account()
        state.portfolio.accounts[id] = ManagementControl.update(account, by: json, id: id, &effects)
        return state.portfolio.json(
            of: id,
            fields: ["id", "status", "health_status", "whatsapp_business_manager_messaging_limit"]
        )
    }
}
