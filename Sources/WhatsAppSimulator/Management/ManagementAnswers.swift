import Foundation
import JSON

extension Management {
    /// Answers a call that is within the limits.
    func answer(
        _ call: ManagementCall,
        host: String,
        _ state: inout State,
        _ effects: inout ManagementEffects
    ) throws(GraphError) -> JSONValue {
        switch call.route {
        case .templates(let account):
            try templates(of: account, call, host: host, &state, &effects)
        case .archive(let account, let isRestored):
            try change(account, &state) { (templates: inout AccountTemplates) throws(GraphError) in
                try templates.archive(call, isRestored: isRestored, &effects)
            }
        case .node(let id): try node(id, call, host: host, &state)
        case .edit(let id):
            try change(try owner(of: id, state), &state) { (templates: inout AccountTemplates) throws(GraphError) in
                try templates.edit(Int(id) ?? 0, call, isHandle: uploads.isHandle, &effects)
            }
        case .unpause(let id):
            try change(try owner(of: id, state), &state) { (templates: inout AccountTemplates) throws(GraphError) in
                try templates.unpause(Int(id) ?? 0, &effects)
            }
        case .numbers(let account):
            try ManagementPage<Portfolio.Number>(call, sortedBy: \.id).json(state.portfolio.numbers(of: account)) {
                state.portfolio.json(of: $0, fields: call.fields)
            }
        case .subscribedApps(let account): subscribedApps(account, call, &state)
        case .subscriptions: try subscriptions(call, &state)
        case .debugToken: try token(call, state)
        }
    }

    private func change(
        _ account: String,
        _ state: inout State,
        _ body: (inout AccountTemplates) throws(GraphError) -> JSONValue
    ) throws(GraphError) -> JSONValue {
        // Taken out, so that the change does not copy all templates.
        var templates = state.templates.removeValue(forKey: account) ?? AccountTemplates(account: account)
        let result = Result { () throws(GraphError) in try body(&templates) }
        state.templates[account] = templates
        return try result.get()
    }

    private func owner(of id: String, _ state: State) throws(GraphError) -> String {
        guard let account = Int(id).flatMap({ state.owners[$0] }) else { throw .unknownNumber(id) }
        return account
    }

    private func templates(
        of account: String,
        _ call: ManagementCall,
        host: String,
        _ state: inout State,
        _ effects: inout ManagementEffects
    ) throws(GraphError) -> JSONValue {
        switch call.method {
        case "POST":
            let id = Self.nextID(&state)
            let json = try change(account, &state) { (templates: inout AccountTemplates) throws(GraphError) in
                try templates.create(call, id: id, isHandle: uploads.isHandle, &effects)
            }
            state.owners[id] = account
            return json
        case "DELETE":
            return try change(account, &state) { (templates: inout AccountTemplates) throws(GraphError) in
                try templates.delete(call, &effects)
            }
        default:
            let now = effects.now
            let all = state.templates[account]?.sorted ?? []
            let wanted = all.filter { TemplateFilter.fits($0, call) }
            var page = try ManagementPage<StoredTemplate>(call, sortedBy: { "\($0.id)" }).json(wanted) { template in
                template.json(fields: call.fields) { uploads.address(of: $0, host: host, now: now) }
            }
            if let names = call.list("summary"), var fields = page.fields {
                let summary: [String: JSONValue] = [
                    "total_count": .integer(all.count), "message_template_count": .integer(all.count),
                    "message_template_limit": .integer(state.settings.mostTemplates), "are_translations_complete": true,
                ]
                fields["summary"] = .object(summary.filter { names.contains($0.key) })
                page = .object(fields)
            }
            return page
        }
    }

    private func node(
        _ id: String,
        _ call: ManagementCall,
        host: String,
        _ state: inout State
    ) throws(GraphError) -> JSONValue {
        if let number = Int(id), let account = state.owners[number] {
            guard let template = state.templates[account]?[number] else { throw .unknownNumber(id) }
            let now = clock.now
            return template.json(fields: call.fields) { uploads.address(of: $0, host: host, now: now) }
        }
        if state.portfolio.isAccount(id) || state.templates[id] != nil {
            return state.portfolio.json(of: id, fields: call.fields)
        }
        guard let number = state.portfolio.number(id) else { throw .unknownNumber(id) }
        return state.portfolio.json(of: number, fields: call.fields)
    }

    private func subscribedApps(_ id: String, _ call: ManagementCall, _ state: inout State) -> JSONValue {
        guard call.method != "GET" else { return ["data": .array(state.portfolio.subscribedApps(of: id))] }
        var account = state.portfolio.accounts[id] ?? Portfolio.Account()
        account.isSubscribed = call.method == "POST"
        account.callback = account.isSubscribed ? call.text("override_callback_uri") : nil
        state.portfolio.accounts[id] = account
        return ["success": true]
    }

    private func subscriptions(_ call: ManagementCall, _ state: inout State) throws(GraphError) -> JSONValue {
        switch call.method {
        case "POST":
            guard let url = call.text("callback_url"), let fields = call.list("fields") else {
                throw .argument("The parameters callback_url and fields are required.")
            }
            state.portfolio.subscription = (fields, url)
            return ["success": true]
        case "DELETE":
            state.portfolio.subscription = nil
            return ["success": true]
        default:
            let url = state.portfolio.subscription?.url ?? state.portfolio.webhookURL
            guard let url else { return ["data": []] }
            let fields = state.portfolio.subscription?.fields ?? Self.usualFields
            let subscription: JSONValue = [
                "object": "whatsapp_business_account", "callback_url": .string(url), "active": true,
                "fields": .array(fields.map { ["name": .string($0), "version": "v23.0"] }),
            ]
            return ["data": [subscription]]
        }
    }

    private static let usualFields = [
        "messages", "account_update", "business_capability_update", "message_template_components_update",
        "message_template_quality_update", "message_template_status_update", "phone_number_name_update",
        "phone_number_quality_update", "template_category_update",
    ]

    private func token(_ call: ManagementCall, _ state: State) throws(GraphError) -> JSONValue {
        guard let token = call.text("input_token"), !token.isEmpty else {
            throw .argument("The parameter input_token is required.")
        }
        let (settings, end) = (state.settings, state.settings.tokenExpiresAt)
        let isKnown = configuration.acceptedTokens.isEmpty || configuration.acceptedTokens.contains(token)
        let isValid = isKnown && (end == 0 || Int64(end) * 1_000 > clock.now)
        var accounts = Set(state.templates.keys).union(state.portfolio.numbers.values.map(\.account))
        accounts.insert(configuration.accountID)
        let targets = JSONValue.array(accounts.sorted().map(JSONValue.string))
        var data: [String: JSONValue] = [
            "app_id": .string(settings.appId), "type": "SYSTEM_USER", "application": "Simulated app",
            "is_valid": .bool(isValid), "expires_at": .integer(end), "data_access_expires_at": 0,
            "user_id": "122100000000001",
            "scopes": .array(isValid ? settings.tokenScopes.map(JSONValue.string) : []),
            "granular_scopes": .array(
                isValid ? settings.tokenScopes.map { ["scope": .string($0), "target_ids": targets] } : []
            ),
        ]
        if !isValid {
            data["error"] = ["code": 190, "message": "The access token is not valid.", "subcode": isKnown ? 463 : 467]
        }
        return ["data": .object(data)]
    }
}

/// A page of a list, as parameters ask for it.
struct ManagementPage<Item> {
    private let call: ManagementCall
    private let key: (Item) -> String
    private let limit: Int

    init(_ call: ManagementCall, sortedBy key: @escaping (Item) -> String) throws(GraphError) {
        self.call = call
        self.key = key
        limit = call["limit"]?.wholeNumber ?? 25
        guard (1...1_000).contains(limit) else { throw .argument("limit must be 1 to 1000.") }
    }

    /// Cuts the page out of all items; a cursor names the item before, also if it is gone.
    func json(_ items: [Item], _ make: (Item) -> JSONValue) throws(GraphError) -> JSONValue {
        var rest = items[...]
        var isBackward = false
        if let after = call.text("after") {
            let last = try Self.plain(after)
            rest = rest.drop { !Self.isAfter(key($0), last) }
        } else if let before = call.text("before") {
            let first = try Self.plain(before)
            rest = rest.prefix { Self.isAfter(first, key($0)) }
            isBackward = true
        }
        let page = isBackward ? rest.suffix(limit) : rest.prefix(limit)
        var answer: [String: JSONValue] = ["data": .array(page.map(make))]
        if let first = page.first, let last = page.last {
            var paging: [String: JSONValue] = [
                "cursors": ["before": .string(Self.cursor(key(first))), "after": .string(Self.cursor(key(last)))]
            ]
            if page.endIndex < items.endIndex { paging["next"] = .string(link("after", Self.cursor(key(last)))) }
            if page.startIndex > items.startIndex {
                paging["previous"] = .string(link("before", Self.cursor(key(first))))
            }
            answer["paging"] = .object(paging)
        }
        return .object(answer)
    }

    private func link(_ name: String, _ cursor: String) -> String {
        var query = call.query.filter { !["after", "before"].contains($0.key) }
        query[name] = cursor
        // The real service repeats the token here, so that such an address must not be logged.
        query["access_token"] = call.token
        var legal = CharacterSet.alphanumerics
        legal.insert(charactersIn: "-._~")
        let pairs = query.sorted { $0.key < $1.key }.map { name, value in
            "\(name)=\(value.addingPercentEncoding(withAllowedCharacters: legal) ?? value)"
        }
        return "\(call.base)\(call.target.prefix { $0 != "?" })?\(pairs.joined(separator: "&"))"
    }

    private static func cursor(_ key: String) -> String { Data("after:\(key)".utf8).base64EncodedString() }

    private static func plain(_ cursor: String) throws(GraphError) -> String {
        guard let data = Data(base64Encoded: cursor), let text = String(data: data, encoding: .utf8),
            text.hasPrefix("after:")
        else { throw .argument("The cursor is not one of this list.") }
        return String(text.dropFirst(6))
    }

    /// Ids are numbers without zeros in front, so that a longer one is a greater one.
    private static func isAfter(_ one: String, _ other: String) -> Bool {
        (one.utf8.count, one) > (other.utf8.count, other)
    }
}

/// The filters of a list of templates.
enum TemplateFilter {
    static func fits(_ template: StoredTemplate, _ call: ManagementCall) -> Bool {
        func contains(_ text: String, _ filter: String) -> Bool {
            let (text, parts) = (text.lowercased(), call.list(filter) ?? [])
            return parts.contains { text.contains($0.lowercased()) }
        }
        func equals(_ text: String, _ filter: String) -> Bool {
            guard let values = call.list(filter) else { return true }
            return values.contains { $0.lowercased() == text.lowercased() }
        }
        let content = template.components.compactMap { $0["text"]?.stringValue }.joined(separator: "\n")
        guard call.text("name") == nil || contains(template.name, "name"),
            call.text("content") == nil || contains(content, "content"),
            call.text("name_or_content") == nil || contains("\(template.name)\n\(content)", "name_or_content")
        else { return false }
        return equals(template.language, "language") && equals(template.status, "status")
            && equals(template.category, "category") && equals(template.quality, "quality_score")
    }
}
