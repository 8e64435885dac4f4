import Foundation
import JSON

/// Changes that Meta makes by itself, made on demand, each with its webhook.
enum ManagementControl {
    private static func seconds(_ milliseconds: Int64) -> JSONValue { .integer(Int(milliseconds / 1_000)) }

    /// Changes a template: `event`, `category`, `plannedCategory`, `quality` or `components`.
    static func change(
        _ template: StoredTemplate,
        by json: JSONValue,
        _ effects: inout ManagementEffects
    ) throws(SimulatorError) -> StoredTemplate {
        var template = template
        template.revision += 1
        template.pending = nil
        var events: [ManagementEvent] = []
        if let category = try category(json, "category") {
            let former = template.category
            template.recategorise(category)
            events.append(template.categoryEvent(from: former))
        }
        if let planned = try category(json, "plannedCategory") {
            events.append(plan(planned, of: &template, json, &effects))
        }
        if let quality = json["quality"]?.stringValue {
            events.append(template.qualityEvent(to: quality))
            (template.quality, template.qualityTime) = (quality, effects.now)
        }
        if let components = json["components"]?.arrayValue {
            template.components = TemplateView.normalised(components)
            events.append(template.componentsEvent)
        }
        if let event = json["event"]?.stringValue { events.append(take(event, json, &template, &effects)) }
        guard !events.isEmpty else {
            throw .invalid(
                field: "template",
                reason: "is not changed: give event, category, plannedCategory, quality or components"
            )
        }
        for event in events { effects.tell(event.field, event.value, account: event.account) }
        return template
    }

    private static func category(_ json: JSONValue, _ key: String) throws(SimulatorError) -> String? {
        guard let category = json[key]?.stringValue else { return nil }
        try Check.that(
            StoredTemplate.categories.contains(category),
            key,
            "must be one of \(StoredTemplate.categories.joined(separator: ", "))"
        )
        return category
    }

    private static func plan(
        _ category: String,
        of template: inout StoredTemplate,
        _ json: JSONValue,
        _ effects: inout ManagementEffects
    ) -> ManagementEvent {
        let due = effects.now + Int64(json["seconds"]?.integerValue ?? 86_400) * 1_000
        template.correctCategory = category
        template.pending = .recategorisation(category)
        effects.add(.settle(account: template.account, id: template.id, revision: template.revision), due: due)
        var value = template.identity
        value["new_category"] = .string(template.category)
        value["correct_category"] = .string(category)
        value["category_update_timestamp"] = seconds(due)
        return ManagementEvent(account: template.account, field: "template_category_update", value: .object(value))
    }

    /// Takes an event of the real service; `FLAGGED` and `REINSTATED` leave the status as it is.
    private static func take(
        _ event: String,
        _ json: JSONValue,
        _ template: inout StoredTemplate,
        _ effects: inout ManagementEffects
    ) -> ManagementEvent {
        let title = json["title"]?.stringValue
        var details: [String: JSONValue] = [:]
        switch event {
        case "FLAGGED", "REINSTATED": break
        case "UNPAUSED": return template.unpause()
        default: template.status = event
        }
        template.rejectedReason = event == "REJECTED" ? json["reason"]?.stringValue ?? "INVALID_FORMAT" : "NONE"
        switch event {
        case "PAUSED":
            let title = title ?? "FIRST_PAUSE"
            details["other_info"] = ["title": .string(title), "description": "Paused in the simulator"]
            // A pause for quality ends after 3 or 6 hours, one for pacing never does.
            if let hours: Int64 = ["FIRST_PAUSE": 3, "SECOND_PAUSE": 6][title] {
                template.pending = .endOfPause
                effects.add(
                    .settle(account: template.account, id: template.id, revision: template.revision),
                    due: effects.now + hours * SimulatedClock.hour
                )
            }
        case "LOCKED": details["other_info"] = ["title": .string(title ?? "DISABLED"), "description": "Locked"]
        // The documentation has the date as a text, too: `"dateAsText": true`.
        case "DISABLED":
            let isText = json["dateAsText"]?.boolValue == true
            details["disable_info"] = [
                "disable_date": isText ? .string("\(effects.now / 1_000)") : seconds(effects.now)
            ]
        case "REJECTED" where template.rejectedReason == "INVALID_FORMAT":
            details["rejection_info"] = ["reason": "Rejected in the simulator", "recommendation": "Edit the text."]
        default: break
        }
        return template.statusEvent(event, details: details)
    }
}

extension ManagementControl {
    /// Changes a number: `quality`, `status`, `throughput`, `platform`, or the `decision` on its name.
    static func change(
        _ number: Portfolio.Number,
        by json: JSONValue,
        tier: String,
        _ effects: inout ManagementEffects
    ) -> Portfolio.Number {
        var number = number
        let display: JSONValue = .string(number.displayPhoneNumber)
        if let quality = json["quality"]?.stringValue { number.quality = quality }
        if let status = json["status"]?.stringValue { number.status = status }
        // Real registrations and their ends are told by no webhook.
        if let platform = json["platform"]?.stringValue { number.platform = platform }
        let isFaster = json["throughput"]?.stringValue == "HIGH" && number.throughput != "HIGH"
        if let throughput = json["throughput"]?.stringValue { number.throughput = throughput }
        let event =
            json["event"]?.stringValue
            ?? (isFaster ? "THROUGHPUT_UPGRADE" : number.quality == "RED" ? "FLAGGED" : "UNFLAGGED")
        let isTold = ["quality", "status", "throughput", "event"].contains { json[$0] != nil }
        if isTold {
            var value: [String: JSONValue] = ["display_phone_number": display, "event": .string(event)]
            value.merge(limits(isFaster ? "TIER_UNLIMITED" : tier, json)) { $1 }
            effects.tell("phone_number_quality_update", .object(value), account: number.account)
        }
        if let decision = json["decision"]?.stringValue {
            number.nameStatus =
                decision == "APPROVED" ? "APPROVED" : decision == "REJECTED" ? "DECLINED" : "PENDING_REVIEW"
            let name = json["name"]?.stringValue ?? number.verifiedName
            if decision == "APPROVED" { number.verifiedName = name }
            let value: JSONValue = [
                "display_phone_number": display, "decision": .string(decision),
                "requested_verified_name": .string(name),
                "rejection_reason": json["reason"] ?? .null,
            ]
            effects.tell("phone_number_name_update", value, account: number.account)
        }
        return number
    }

    /// Returns the limit under its new name, and under the old ones if `names` says `old` or `both`.
    private static func limits(_ tier: String, _ json: JSONValue) -> [String: JSONValue] {
        let names = json["names"]?.stringValue ?? "new"
        var limits: [String: JSONValue] = [:]
        if names != "old" { limits["max_daily_conversations_per_business"] = .string(tier) }
        if names != "new" { limits["current_limit"] = .string(tier) }
        if names != "new", let former = json["formerTier"] { limits["old_limit"] = former }
        return limits
    }

    /// Reports the messaging limit of the portfolio: as a number with `"form": "number"`, under old names with `names`.
    static func tellTier(_ tier: String, _ json: JSONValue, account: String, _ effects: inout ManagementEffects) {
        let count = tierCount(tier)
        let asNumber = json["form"]?.stringValue == "number"
        let names = json["names"]?.stringValue ?? "new"
        let limit: JSONValue = asNumber ? .integer(count) : .string(tier)
        var value: [String: JSONValue] = ["max_phone_numbers_per_business": 20]
        if names != "old" { value["max_daily_conversations_per_business"] = limit }
        if names != "new" {
            value["max_daily_conversation_per_phone"] = .integer(count)
            value["max_phone_numbers_per_waba"] = 20
        }
        effects.tell("business_capability_update", .object(value), account: account)
        // The real service may report a limit twice.
        if json["twice"]?.boolValue == true {
            effects.tell("business_capability_update", .object(value), account: account)
        }
    }

    /// Returns the number of a tier such as `TIER_2K`; -1 for no limit.
    static func tierCount(_ tier: String) -> Int {
        let text = tier.split(separator: "_").last.map(String.init) ?? ""
        guard let count = Int(text.filter(\.isNumber)) else { return -1 }
        return text.hasSuffix("K") ? count * 1_000 : count
    }

    /// Changes an account and makes its `account_update`: `status`, `restrictions`, `violation`, `ban`, or any `value`.
    static func update(
        _ account: Portfolio.Account,
        by json: JSONValue,
        id: String,
        _ effects: inout ManagementEffects
    ) -> Portfolio.Account {
        var account = account
        if let status = json["status"]?.stringValue { account.status = status }
        var value: [String: JSONValue] = json["value"]?.objectValue ?? [:]
        if let kinds = json["restrictions"]?.arrayValue?.compactMap(\.stringValue) {
            account.restrictions = kinds
            value["event"] = "ACCOUNT_RESTRICTION"
            // A recovery comes without restrictions.
            if !kinds.isEmpty { value["restriction_info"] = .array(kinds.map { restriction($0, json, effects.now) }) }
        }
        if let violation = json["violation"]?.stringValue {
            value["event"] = value["event"] ?? "ACCOUNT_VIOLATION"
            value["violation_info"] = ["violation_type": .string(violation)]
        }
        if let ban = json["ban"]?.stringValue {
            account.status = ban == "REINSTATE" ? "ACTIVE" : ban == "DISABLE" ? "DISABLED" : account.status
            value["event"] = "DISABLED_UPDATE"
            value["ban_info"] = [
                "waba_ban_state": .string(ban), "waba_ban_date": .string(EnglishDate.text(of: effects.now)),
            ]
        }
        if let event = json["event"] { value["event"] = event }
        if value["event"] != nil { effects.tell("account_update", .object(value), account: id) }
        return account
    }

    /// Makes a restriction; its end is a number, a text, or missing, as `expiration` says.
    private static func restriction(_ kind: String, _ json: JSONValue, _ now: Int64) -> JSONValue {
        var restriction: [String: JSONValue] = ["restriction_type": .string(kind)]
        let end = Int(now / 1_000) + (json["seconds"]?.integerValue ?? 604_800)
        switch json["expiration"]?.stringValue ?? "number" {
        case "number": restriction["expiration"] = .integer(end)
        case "text": restriction["expiration"] = .string("\(end)")
        default: break
        }
        return .object(restriction)
    }
}

/// Dates as the real service writes them in texts.
enum EnglishDate {
    /// Returns such as `April 17, 2025`, in UTC.
    static func text(of milliseconds: Int64) -> String {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(secondsFromGMT: 0)
        format.dateFormat = "MMMM d, yyyy"
        return format.string(from: Date(timeIntervalSince1970: Double(milliseconds) / 1_000))
    }
}
