import Foundation
public import JSON

/// The facts of WhatsApp that were known at one instant, for plans without a database.
public struct AccountSnapshot: Sendable {
    public let views: [AccountView]
    public let submissions: [SubmissionRecord]
    /// The senders of templates, such as campaigns; empty in a snapshot of a version before.
    public let uses: [TemplateUse]

    public init(views: [AccountView], submissions: [SubmissionRecord], uses: [TemplateUse]) {
        (self.views, self.submissions, self.uses) = (views, submissions, uses)
    }

    /// The facts that plans compare, as JSON; neither numbers nor references to tokens.
    public var json: JSONValue {
        [
            "accounts": .array(views.map(\.snapshot)), "submissions": .array(submissions.map(\.snapshot)),
            "uses": .array(uses.map(\.snapshot)),
        ]
    }

    /// Reads what ``json`` wrote; fields of later versions are left out.
    ///
    /// - Throws: ``Unreadable`` with the first item that cannot be read.
    public init(json: JSONValue) throws(Unreadable) {
        func items<Item>(_ field: String, _ make: (JSONValue) -> Item?) throws(Unreadable) -> [Item] {
            guard let values = json[field]?.arrayValue else { throw Unreadable(field: field) }
            var items: [Item] = []
            for (index, value) in values.enumerated() {
                guard let item = make(value) else { throw Unreadable(field: "\(field)[\(index)]") }
                items.append(item)
            }
            return items
        }
        views = try items("accounts", AccountView.init(snapshot:))
        submissions = try items("submissions", SubmissionRecord.init(snapshot:))
        uses = json["uses"] == nil ? [] : try items("uses", TemplateUse.init(snapshot:))
    }

    /// A field that is missing or wrong.
    public struct Unreadable: Error, Equatable, CustomStringConvertible {
        public let field: String
        public var description: String { "`\(field)` is missing or wrong" }
    }
}

extension AccountView {
    fileprivate var snapshot: JSONValue {
        var fields: JSONObject = [
            "id": .string(accountID.uuidString), "tenant": .string(tenantID), "name": .string(name),
            "wabaId": .string(wabaID), "templates": .array(templates.map(\.snapshot)),
        ]
        fields["businessId"] = businessID.map(JSONValue.string)
        fields["sweptAt"] = sweptAt?.snapshot
        fields["error"] = error.map(JSONValue.string)
        return .object(fields)
    }

    fileprivate init?(snapshot: JSONValue) {
        guard let id = snapshot["id"]?.stringValue.flatMap(UUID.init(uuidString:)),
            let tenant = snapshot["tenant"]?.stringValue, let name = snapshot["name"]?.stringValue,
            let waba = snapshot["wabaId"]?.stringValue, let items = snapshot["templates"]?.arrayValue
        else { return nil }
        let templates = items.compactMap(SeenTemplate.init(snapshot:))
        guard templates.count == items.count else { return nil }
        self.init(
            accountID: id,
            tenantID: tenant,
            name: name,
            wabaID: waba,
            accessToken: "",
            appID: nil,
            businessID: snapshot["businessId"]?.stringValue,
            sweptAt: snapshot["sweptAt"].flatMap(Date.init(snapshot:)),
            sweptFrom: nil,
            dueAt: nil,
            error: snapshot["error"]?.stringValue,
            errorAt: nil,
            profile: nil,
            numbers: [],
            templates: templates
        )
    }
}

extension SeenTemplate {
    fileprivate var snapshot: JSONValue {
        var fields: JSONObject = ["name": .string(name), "language": .string(language)]
        let texts = [
            "status": status, "reason": reason, "advice": advice, "category": category, "nextCategory": nextCategory,
            "quality": quality, "parameterFormat": parameterFormat,
        ]
        for (key, text) in texts { fields[key] = text.map(JSONValue.string) }
        fields["components"] = components
        fields["ttlSeconds"] = ttlSeconds.map(JSONValue.integer)
        fields["formerStatus"] = formerStatus.map(JSONValue.string)
        fields["readAt"] = readAt?.snapshot
        fields["goneAt"] = goneAt?.snapshot
        return .object(fields)
    }

    fileprivate init?(snapshot: JSONValue) {
        guard let name = snapshot["name"]?.stringValue, let language = snapshot["language"]?.stringValue else {
            return nil
        }
        self.init(name: name, language: language)
        (status, reason) = (snapshot["status"]?.stringValue, snapshot["reason"]?.stringValue)
        (advice, quality) = (snapshot["advice"]?.stringValue, snapshot["quality"]?.stringValue)
        (category, nextCategory) = (snapshot["category"]?.stringValue, snapshot["nextCategory"]?.stringValue)
        (components, parameterFormat) = (snapshot["components"], snapshot["parameterFormat"]?.stringValue)
        ttlSeconds = snapshot["ttlSeconds"]?.integerValue
        formerStatus = snapshot["formerStatus"]?.stringValue
        readAt = snapshot["readAt"].flatMap(Date.init(snapshot:))
        goneAt = snapshot["goneAt"].flatMap(Date.init(snapshot:))
    }
}

extension TemplateUse {
    fileprivate var snapshot: JSONValue {
        var fields: JSONObject = [
            "tenant": .string(tenantID), "name": .string(name), "isManaged": .bool(isManaged), "words": .string(words),
        ]
        fields["wabaId"] = wabaID.map(JSONValue.string)
        fields["language"] = language.map(JSONValue.string)
        return .object(fields)
    }

    fileprivate init?(snapshot: JSONValue) {
        guard let tenant = snapshot["tenant"]?.stringValue, let name = snapshot["name"]?.stringValue,
            let isManaged = snapshot["isManaged"]?.boolValue, let words = snapshot["words"]?.stringValue
        else { return nil }
        (tenantID, self.name, self.isManaged, self.words) = (tenant, name, isManaged, words)
        // Only a daemon asks.
        isRun = false
        (wabaID, language) = (snapshot["wabaId"]?.stringValue, snapshot["language"]?.stringValue)
    }
}

extension SubmissionRecord {
    fileprivate var snapshot: JSONValue {
        var fields: JSONObject = [
            "id": .string(id.uuidString), "tenant": .string(wish.tenantID), "account": .string(wish.account),
            "action": .string(wish.action.rawValue), "name": .string(wish.name), "status": .string(status.rawValue),
            "attempts": .integer(attempts), "countsAsEdit": .bool(countsAsEdit), "dueAt": dueAt.snapshot,
            "createdAt": createdAt.snapshot,
        ]
        fields["accountId"] = (accountID?.uuidString).map(JSONValue.string)
        fields["wabaId"] = wabaID.map(JSONValue.string)
        fields["isTakenBack"] = isTakenBack ? true : nil
        fields["template"] = wish.template.map(JSONValue.string)
        fields["language"] = wish.language.map(JSONValue.string)
        fields["request"] = wish.request
        fields["sentAt"] = sentAt?.snapshot
        fields["settledAt"] = settledAt?.snapshot
        fields["category"] = category.map(JSONValue.string)
        fields["error"] = error.map(JSONValue.string)
        return .object(fields)
    }

    fileprivate init?(snapshot: JSONValue) {
        guard let id = snapshot["id"]?.stringValue.flatMap(UUID.init(uuidString:)),
            let tenant = snapshot["tenant"]?.stringValue, let account = snapshot["account"]?.stringValue,
            let action = snapshot["action"]?.stringValue.flatMap(SubmissionWish.Action.init(rawValue:)),
            let name = snapshot["name"]?.stringValue,
            let status = snapshot["status"]?.stringValue.flatMap(SubmissionStatus.init(rawValue:)),
            let dueAt = snapshot["dueAt"].flatMap(Date.init(snapshot:)),
            let createdAt = snapshot["createdAt"].flatMap(Date.init(snapshot:))
        else { return nil }
        self.id = id
        accountID = snapshot["accountId"]?.stringValue.flatMap(UUID.init(uuidString:))
        wabaID = snapshot["wabaId"]?.stringValue
        isTakenBack = snapshot["isTakenBack"]?.boolValue ?? false
        wish = SubmissionWish(
            tenantID: tenant,
            account: account,
            template: snapshot["template"]?.stringValue,
            action: action,
            name: name,
            language: snapshot["language"]?.stringValue,
            request: snapshot["request"]
        )
        (self.status, self.dueAt, self.createdAt) = (status, dueAt, createdAt)
        attempts = snapshot["attempts"]?.integerValue ?? 0
        countsAsEdit = snapshot["countsAsEdit"]?.boolValue ?? false
        sentAt = snapshot["sentAt"].flatMap(Date.init(snapshot:))
        settledAt = snapshot["settledAt"].flatMap(Date.init(snapshot:))
        category = snapshot["category"]?.stringValue
        error = snapshot["error"]?.stringValue
    }
}

extension Date {
    /// Whole microseconds since 1970, as Postgres has them: rows that are compared keep their order.
    fileprivate var snapshot: JSONValue { .integer(Int((timeIntervalSince1970 * 1_000_000).rounded())) }

    fileprivate init?(snapshot: JSONValue) {
        guard let micros = snapshot.integerValue else { return nil }
        self.init(timeIntervalSince1970: Double(micros) / 1_000_000)
    }
}
