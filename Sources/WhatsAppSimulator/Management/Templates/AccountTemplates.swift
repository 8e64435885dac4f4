import Foundation
import JSON

/// The templates of one account, and what limits their changes.
struct AccountTemplates: Sendable {
    let account: String
    private(set) var templates: [Int: StoredTemplate] = [:]
    private var creates = MovingCount()
    /// The times until which names, or names with a language, cannot be used.
    private var bars: [String: Int64] = [:]

    private var changes: [(key: String, template: StoredTemplate?)] = []

    init(account: String) { self.account = account }

    var sorted: [StoredTemplate] { templates.values.sorted { $0.id < $1.id } }

    subscript(id: Int) -> StoredTemplate? { templates[id] }

    /// Keeps a template, in place of the former one with its id.
    mutating func put(_ template: StoredTemplate) {
        templates[template.id] = template
        changes.append((template.key, template))
    }

    /// Returns the templates that have changed since the last call; `nil` for those that were deleted.
    mutating func takeChanges() -> [(key: String, template: StoredTemplate?)] {
        defer { changes = [] }
        return changes
    }

    func find(_ name: String, _ language: String) -> StoredTemplate? {
        templates.values.first { $0.name == name && $0.language == language }
    }

    /// Creates a template and begins its review.
    mutating func create(
        _ call: ManagementCall,
        id: Int,
        isHandle: @escaping (String) -> Bool,
        _ effects: inout ManagementEffects
    ) throws(GraphError) -> JSONValue {
        let settings = effects.settings
        let (name, language) = try TemplateForm.identity(call)
        let form = try TemplateForm(call, wordsPerVariable: settings.wordsPerVariable, isHandle: isHandle)
        try checkRoom(name, language, form.category, effects)
        creates.add(effects.now, keeping: SimulatedClock.hour)
        let decision = settings.decision(for: name)
        var template = StoredTemplate(
            id: id,
            account: account,
            name: name,
            language: language,
            category: (decision.isAtCreation ? decision.category : nil) ?? form.category,
            components: form.components,
            parameterFormat: form.parameterFormat,
            ttl: form.ttl,
            qualityTime: effects.now
        )
        if template.category != form.category { template.ttl = nil }
        template.creativeFeatures = form.creativeFeatures
        template.tracksNoLinks = call["cta_url_link_tracking_opted_out"]?.boolValue
        effects.review(&template)
        put(template)
        return ["id": .string("\(id)"), "status": .string(template.status), "category": .string(template.category)]
    }

    /// Checks what has nothing to do with the form of a new template.
    private func checkRoom(
        _ name: String,
        _ language: String,
        _ category: String,
        _ effects: ManagementEffects
    ) throws(GraphError) {
        let settings = effects.settings
        guard creates.count(in: SimulatedClock.hour, now: effects.now) < settings.createsPerHour else {
            var error = GraphError(code: 80_007, message: "(#80007) There have been too many calls for this account.")
            error.userTitle = "Too many templates"
            error.userText = "An account can create \(settings.createsPerHour) templates in an hour."
            throw error
        }
        guard category != "AUTHENTICATION" || settings.isVerified else {
            throw .template(2_388_185, "Account cannot create this template", "Verify your business first.", code: 10)
        }
        guard find(name, language) == nil else { throw .exists(language) }
        for key in [name, StoredTemplate.key(name, language)] {
            if let until = bars[key], until > effects.now {
                throw .beingDeleted(language, until: Self.duration(until - effects.now))
            }
        }
        guard templates.count < settings.mostTemplates else {
            throw .template(2_388_019, "Limit of templates reached", "The account has \(templates.count) templates.")
        }
    }

    /// Edits a template; what needs a review begins one.
    mutating func edit(
        _ id: Int,
        _ call: ManagementCall,
        isHandle: @escaping (String) -> Bool,
        _ effects: inout ManagementEffects
    ) throws(GraphError) -> JSONValue {
        guard var template = templates[id] else { throw .noTemplate("\(id)") }
        try check(template, call, effects)
        let form = try TemplateForm(
            call,
            former: template,
            wordsPerVariable: effects.settings.wordsPerVariable,
            isHandle: isHandle
        )
        let isApproved = template.status == "APPROVED"
        guard !isApproved || form.category == template.category else {
            throw .argument("The category of an approved template cannot be changed.")
        }
        if isApproved { template.edits.add(effects.now, keeping: 30 * SimulatedClock.day) }
        let needsReview = call["components"] != nil || form.category != template.category
        template.category = form.category
        template.components = form.components
        template.parameterFormat = form.parameterFormat
        template.ttl = form.ttl
        template.creativeFeatures = form.creativeFeatures
        template.tracksNoLinks = call["cta_url_link_tracking_opted_out"]?.boolValue ?? template.tracksNoLinks
        template.revision += 1
        if needsReview {
            template.staysSendable = isApproved && effects.settings.keepsSendingWhileReviewed
            effects.review(&template)
            let event = template.componentsEvent
            effects.tell(event.field, event.value, account: account)
        }
        put(template)
        return [
            "success": true, "id": .string("\(id)"), "name": .string(template.name),
            "category": .string(template.category),
        ]
    }

    private func check(
        _ template: StoredTemplate,
        _ call: ManagementCall,
        _ effects: ManagementEffects
    ) throws(GraphError) {
        guard ["APPROVED", "REJECTED", "PAUSED"].contains(template.status) else {
            throw .notEditable("A template with the status \(template.status) cannot be edited.")
        }
        guard call.text("name") ?? template.name == template.name,
            call.text("language") ?? template.language == template.language
        else { throw .argument("The name and the language of a template cannot be changed.") }
        guard template.status == "APPROVED" else { return }
        let (settings, now) = (effects.settings, effects.now)
        guard template.edits.count(in: SimulatedClock.day, now: now) < settings.editsPerDay,
            template.edits.count(in: 30 * SimulatedClock.day, now: now) < settings.editsPer30Days
        else {
            throw .notEditable(
                "An approved template can be edited \(settings.editsPerDay) times in 24 hours and "
                    + "\(settings.editsPer30Days) times in 30 days."
            )
        }
    }

    private static func duration(_ milliseconds: Int64) -> String {
        switch milliseconds {
        case ..<120_000: "less than 2 minutes"
        case ..<(2 * SimulatedClock.day): "\(milliseconds / SimulatedClock.hour + 1) hours"
        default: "\(milliseconds / SimulatedClock.day + 1) days"
        }
    }
}

extension AccountTemplates {
    /// Deletes by name, by name and id, or by a list of ids, of which one that is wrong fails all.
    mutating func delete(_ call: ManagementCall, _ effects: inout ManagementEffects) throws(GraphError) -> JSONValue {
        let name = call.text("name")
        if let ids = call.list("hsm_ids") {
            guard name == nil, call.text("hsm_id") == nil else {
                throw .argument("hsm_ids cannot be used with name or hsm_id.")
            }
            guard (1...100).contains(ids.count) else { throw .argument("hsm_ids can have 1 to 100 ids.") }
            var doomed: [StoredTemplate] = []
            for id in ids {
                guard let template = Int(id).flatMap({ templates[$0] }) else { throw .noTemplate(id) }
                doomed.append(template)
            }
            try remove(doomed, isWholeName: false, &effects)
            return ["success": true]
        }
        guard let name else { throw .argument("The parameter name is required.") }
        var doomed = sorted.filter { $0.name == name }
        if let id = call.text("hsm_id") { doomed = doomed.filter { "\($0.id)" == id } }
        guard !doomed.isEmpty else { throw .noTemplate(name) }
        try remove(doomed, isWholeName: call.text("hsm_id") == nil, &effects)
        return ["success": true]
    }

    private mutating func remove(
        _ doomed: [StoredTemplate],
        isWholeName: Bool,
        _ effects: inout ManagementEffects
    ) throws(GraphError) {
        if let disabled = doomed.first(where: { $0.status == "DISABLED" }) {
            throw .argument("The template '\(disabled.name)' is disabled and cannot be deleted.")
        }
        for var template in doomed {
            templates[template.id] = nil
            changes.append((template.key, nil))
            let isApproved = template.status == "APPROVED"
            let length =
                isApproved
                ? effects.settings.nameBarDays * Double(SimulatedClock.day) : effects.settings.deletionSeconds * 1e3
            let key = isWholeName && isApproved ? template.name : template.key
            bars[key] = max(bars[key] ?? 0, effects.now + Int64(length))
            template.rejectedReason = nil
            let event = template.statusEvent("PENDING_DELETION")
            effects.tell(event.field, event.value, account: account)
        }
    }

    /// Archives templates or brings them back; each that cannot be changed is named with the reason.
    mutating func archive(
        _ call: ManagementCall,
        isRestored: Bool,
        _ effects: inout ManagementEffects
    ) throws(GraphError) -> JSONValue {
        guard let ids = call.list("hsm_ids"), (1...100).contains(ids.count) else {
            throw .argument("hsm_ids can have 1 to 100 ids.")
        }
        var done: [JSONValue] = []
        var failed: [String: JSONValue] = [:]
        for id in ids {
            guard var template = Int(id).flatMap({ templates[$0] }) else {
                failed[id] = "The template does not exist."
                continue
            }
            guard (template.status == "ARCHIVED") == isRestored, template.status != "PENDING" else {
                failed[id] = .string("The template has the status \(template.status).")
                continue
            }
            template.archivedStatus = isRestored ? nil : template.status
            template.status = isRestored ? templates[template.id]?.archivedStatus ?? "APPROVED" : "ARCHIVED"
            template.revision += 1
            put(template)
            done.append(.string(id))
            let event = template.statusEvent(isRestored ? "UNARCHIVED" : "ARCHIVED")
            effects.tell(event.field, event.value, account: account)
        }
        return [
            isRestored ? "unarchived_templates" : "archived_templates": .array(done),
            "failed_templates": .object(failed),
        ]
    }

    mutating func unpause(_ id: Int, _ effects: inout ManagementEffects) throws(GraphError) -> JSONValue {
        guard var template = templates[id] else { throw .noTemplate("\(id)") }
        guard template.status == "PAUSED" else {
            return ["success": false, "reason": .string("The template has the status \(template.status).")]
        }
        template.revision += 1
        let event = template.unpause()
        put(template)
        effects.tell(event.field, event.value, account: account)
        return ["success": true]
    }

    /// Ends what is pending, unless the template has changed since it was planned.
    mutating func settle(_ id: Int, revision: UInt64, _ effects: inout ManagementEffects) {
        guard var template = templates[id], template.revision == revision, let pending = template.pending else {
            return
        }
        switch pending {
        case .review(let decision): template.decide(decision)
        case .endOfPause:
            template.pending = nil
            let event = template.unpause()
            effects.tell(event.field, event.value, account: account)
        case .recategorisation(let category):
            let former = template.category
            template.pending = nil
            template.recategorise(category)
            let event = template.categoryEvent(from: former)
            effects.tell(event.field, event.value, account: account)
        }
        put(template)
    }
}
