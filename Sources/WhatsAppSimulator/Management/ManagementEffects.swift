import JSON

/// A webhook of the management side.
struct ManagementEvent: Sendable {
    let account: String
    let field: String
    let value: JSONValue
}

/// A thing to be done later.
enum ManagementTask: Sendable {
    /// Ends what is pending on a template, unless the template has changed since.
    case settle(account: String, id: Int, revision: UInt64)
    /// Posts a webhook about a template, unless the template has changed since.
    case announce(ManagementEvent, id: Int, revision: UInt64)
    case tell(ManagementEvent)
}

/// The effects of a change: webhooks, and tasks for later.
struct ManagementEffects: Sendable {
    let now: Int64
    let settings: ManagementSettings
    let dice: Dice
    private(set) var tasks: [(due: Int64, task: ManagementTask)] = []

    init(now: Int64, settings: ManagementSettings, dice: Dice) {
        (self.now, self.settings, self.dice) = (now, settings, dice)
    }

    mutating func tell(_ field: String, _ value: JSONValue, account: String) {
        tasks.append((now, .tell(ManagementEvent(account: account, field: field, value: value))))
    }

    mutating func add(_ task: ManagementTask, due: Int64) { tasks.append((due, task)) }

    /// Begins the review of a template: its decision comes later, and the webhook a little before or after it.
    mutating func review(_ template: inout StoredTemplate) {
        let decision = settings.decision(for: template.name)
        template.status = "PENDING"
        template.rejectedReason = "NONE"
        template.revision += 1
        template.pending = .review(decision)
        let due = now + Int64((decision.seconds ?? settings.reviewSeconds) * 1e3)
        add(.settle(account: template.account, id: template.id, revision: template.revision), due: due)
        let key = Recipient.hash(template.key)
        let isBefore =
            switch settings.webhookOrder {
            case .before: true
            case .after: false
            case .seeded: dice.roll(.review, recipient: key, attempt: template.revision) < 0.5
            }
        let share = settings.webhookOrder == .seeded ? dice.roll(.review, recipient: key, attempt: 0, index: 1) : 1
        let lag = Int64(settings.webhookLagSeconds * 1e3 * share)
        var decided = template
        decided.decide(decision)
        for event in decided.events(of: decision, former: template) {
            let task = ManagementTask.announce(event, id: template.id, revision: template.revision)
            add(task, due: isBefore ? max(now, due - lag) : due + lag)
        }
    }
}

extension ManagementSettings {
    /// Returns the decision on a template: that of the first rule that fits its name.
    func decision(for name: String) -> Decision {
        decisions.first { $0.contains.isEmpty || name.contains($0.contains) } ?? Decision()
    }

    /// The number of templates that an account can have.
    var mostTemplates: Int { templateLimit ?? (isVerified ? 6_000 : 250) }
}

extension StoredTemplate {
    /// Takes the decision of a review.
    mutating func decide(_ decision: ManagementSettings.Decision) {
        pending = nil
        status = decision.status
        rejectedReason = decision.status == "REJECTED" ? decision.reason : "NONE"
        if let category = decision.category, !decision.isAtCreation { recategorise(category) }
    }

    /// Gives it another category, as the real service does: its own time to live is lost.
    mutating func recategorise(_ category: String) {
        guard category != self.category else { return }
        previousCategory = self.category
        correctCategory = category
        self.category = category
        ttl = nil
    }

    /// Returns the webhooks of a decision; call it after ``decide(_:)``.
    func events(of decision: ManagementSettings.Decision, former: StoredTemplate) -> [ManagementEvent] {
        let isFormat = status == "REJECTED" && rejectedReason == "INVALID_FORMAT"
        let details: JSONValue = [
            "reason": "The text could not be read as a template.",
            "recommendation": "Put words between variables, and give samples.",
        ]
        let status = statusEvent(status, details: isFormat ? ["rejection_info": details] : [:])
        guard category != former.category else { return [status] }
        return [categoryEvent(from: former.category), status]
    }

    /// Ends a pause, and returns the webhook.
    mutating func unpause() -> ManagementEvent {
        status = "APPROVED"
        return statusEvent(
            "APPROVED",
            details: ["other_info": ["title": "UNPAUSE", "description": "The pause is over"]]
        )
    }

    func categoryEvent(from former: String) -> ManagementEvent {
        ManagementEvent(
            account: account,
            field: "template_category_update",
            value: .object(
                identity.merging(["previous_category": .string(former), "new_category": .string(category)]) { $1 }
            )
        )
    }

    func qualityEvent(to quality: String) -> ManagementEvent {
        let scores: [String: JSONValue] = [
            "previous_quality_score": .string(self.quality), "new_quality_score": .string(quality),
        ]
        return ManagementEvent(
            account: account,
            field: "message_template_quality_update",
            value: .object(identity.merging(scores) { $1 })
        )
    }

    /// Makes the webhook of an event, which may differ from the status.
    func statusEvent(_ event: String, details: [String: JSONValue] = [:]) -> ManagementEvent {
        var value = identity.merging(details) { $1 }
        value["event"] = .string(event)
        value["reason"] = rejectedReason.map(JSONValue.string) ?? .null
        value["message_template_category"] = .string(category)
        return ManagementEvent(account: account, field: "message_template_status_update", value: .object(value))
    }

    /// Its id, which is a number here, its name and its language, which has a hyphen here.
    var identity: [String: JSONValue] {
        [
            "message_template_id": .integer(id), "message_template_name": .string(name),
            "message_template_language": .string(language.replacing("_", with: "-")),
        ]
    }

    /// Makes the webhook of an edit: no media and no examples.
    var componentsEvent: ManagementEvent {
        var value = identity
        for component in components {
            switch component["type"]?.stringValue {
            case "HEADER": value["message_template_title"] = component["text"]
            case "BODY": value["message_template_element"] = component["text"]
            case "FOOTER": value["message_template_footer"] = component["text"]
            case "BUTTONS":
                let buttons = component["buttons"]?.arrayValue ?? []
                guard buttons.contains(where: { ["URL", "PHONE_NUMBER"].contains($0["type"]?.stringValue ?? "") })
                else {
                    continue
                }
                value["message_template_buttons"] = .array(buttons.map(Self.eventButton))
            default: break
            }
        }
        return ManagementEvent(account: account, field: "message_template_components_update", value: .object(value))
    }

    private static func eventButton(_ button: JSONValue) -> JSONValue {
        var fields: [String: JSONValue] = [:]
        for key in ["type", "text", "url", "phone_number"] {
            if let value = button[key] { fields["message_template_button_\(key)"] = value }
        }
        return .object(fields)
    }
}
