import JSON

/// The numbers, accounts and limits of the business.
struct Portfolio: Sendable {
    /// A phone number of an account.
    struct Number: Sendable {
        let id: String
        let account: String
        var displayPhoneNumber: String
        var verifiedName: String
        var quality: String
        var status = "CONNECTED"
        var nameStatus = "APPROVED"
        var throughput = "STANDARD"
        /// `NOT_APPLICABLE` if it is not registered.
        var platform = "CLOUD_API"
        var callback: String?
    }

    /// The state of an account besides templates and numbers.
    struct Account: Sendable {
        var isSubscribed = true
        var callback: String?
        var status = "ACTIVE"
        var reviewStatus = "APPROVED"
        /// The kinds of restrictions, of which some stop sending.
        var restrictions: [String] = []
    }

    /// The messaging limit, which all numbers share.
    var tier: String
    private(set) var numbers: [String: Number] = [:]
    var accounts: [String: Account] = [:]
    /// The fields and the address of the app's webhooks; `nil` while nobody has set them here.
    var subscription: (fields: [String], url: String)?
    /// The address that webhooks are posted to.
    var webhookURL: String?

    private let configuration: SimulatorConfiguration
    private let settings: ManagementSettings

    init(_ configuration: SimulatorConfiguration, _ settings: ManagementSettings) {
        self.configuration = configuration
        self.settings = settings
        tier = configuration.messagingLimit
        for number in settings.numbers { add(number) }
        for id in configuration.knownNumbers where numbers[id] == nil { add(ManagementSettings.Number(id: id)) }
    }

    private mutating func add(_ number: ManagementSettings.Number) {
        numbers[number.id] = Number(
            id: number.id,
            account: number.account ?? configuration.accountID,
            displayPhoneNumber: number.displayPhoneNumber ?? configuration.displayPhoneNumber,
            verifiedName: number.verifiedName ?? settings.accountName,
            quality: configuration.qualityRating
        )
    }

    /// Returns a number; one that nobody has asked for before is made, unless the known ones are listed.
    mutating func number(_ id: String) -> Number? {
        if let number = numbers[id] { return number }
        guard configuration.knownNumbers.isEmpty else { return nil }
        add(ManagementSettings.Number(id: id))
        return numbers[id]
    }

    mutating func update(_ number: Number) { numbers[number.id] = number }

    func numbers(of account: String) -> [Number] {
        numbers.values.filter { $0.account == account }.sorted { ($0.id.utf8.count, $0.id) < ($1.id.utf8.count, $1.id) }
    }

    /// Returns true if the id is that of an account rather than of a number.
    func isAccount(_ id: String) -> Bool {
        id == configuration.accountID || accounts[id] != nil || numbers.values.contains { $0.account == id }
    }

    /// Makes the JSON of a number.
    func json(of number: Number, fields: [String]?) -> JSONValue {
        let known: [String: JSONValue] = [
            "id": .string(number.id), "display_phone_number": .string(number.displayPhoneNumber),
            "verified_name": .string(number.verifiedName), "quality_rating": .string(number.quality),
            "quality_score": ["score": .string(number.quality)], "status": .string(number.status),
            "name_status": .string(number.nameStatus), "code_verification_status": "VERIFIED",
            "account_mode": "LIVE", "platform_type": .string(number.platform),
            "host_platform": .string(number.platform),
            "throughput": ["level": .string(number.throughput)], "is_official_business_account": false,
            "is_pin_enabled": true, "is_on_biz_app": false, "is_preverified_number": false,
            "whatsapp_business_manager_messaging_limit": .string(tier), "messaging_limit_tier": .string(tier),
            "health_status": health(of: number), "webhook_configuration": webhooks(of: number),
        ]
        // Without a list the real service leaves out what costs it more.
        let usual: Set<String> = [
            "id", "display_phone_number", "verified_name", "quality_rating", "code_verification_status",
            "platform_type", "throughput", "webhook_configuration", "whatsapp_business_manager_messaging_limit",
        ]
        let wanted = fields.map(Set.init) ?? usual
        return .object(known.filter { $0.key == "id" || wanted.contains($0.key) })
    }

    /// Makes the JSON of an account.
    func json(of id: String, fields: [String]?) -> JSONValue {
        let account = accounts[id] ?? Account()
        let business: JSONValue = ["id": .string(settings.businessId), "name": .string(settings.accountName)]
        let known: [String: JSONValue] = [
            "id": .string(id), "name": .string(settings.accountName), "status": .string(account.status),
            "currency": .string(settings.currency), "timezone_id": .string(settings.timezoneId),
            "country": .string(settings.country), "message_template_namespace": "simulated_namespace",
            "account_review_status": .string(account.reviewStatus),
            "business_verification_status": settings.isVerified ? "verified" : "pending_submission",
            "ownership_type": "SELF", "owner_business_info": business,
            "primary_business_location": .string(settings.country),
            "on_behalf_of_business_info": business, "is_enabled_for_insights": false,
            "marketing_messages_lite_api_status": "INELIGIBLE", "health_status": health(ofAccount: id),
            "subscribed_apps": ["data": .array(subscribedApps(of: id))],
            "whatsapp_business_manager_messaging_limit": .string(tier),
        ]
        let wanted = fields.map(Set.init) ?? ["id", "name", "currency", "timezone_id", "message_template_namespace"]
        return .object(known.filter { $0.key == "id" || wanted.contains($0.key) })
    }

    func subscribedApps(of account: String) -> [JSONValue] {
        let state = accounts[account] ?? Account()
        guard state.isSubscribed else { return [] }
        let app: JSONValue = [
            "id": .string(settings.appId), "name": "Simulated app",
            "link": .string("https://www.facebook.com/games/?app_id=\(settings.appId)"),
        ]
        var entry: [String: JSONValue] = ["whatsapp_business_api_data": app]
        entry["override_callback_uri"] = state.callback.map(JSONValue.string)
        return [.object(entry)]
    }

    private func webhooks(of number: Number) -> JSONValue {
        var addresses: [String: JSONValue] = [:]
        addresses["application"] = (subscription?.url ?? webhookURL).map(JSONValue.string)
        addresses["whatsapp_business_account"] = accounts[number.account]?.callback.map(JSONValue.string)
        addresses["phone_number"] = number.callback.map(JSONValue.string)
        return .object(addresses)
    }
}

extension Portfolio {
    private static let stopping: Set<String> = [
        "RESTRICTED_BIZ_INITIATED_MESSAGING", "RESTRICTED_CUSTOMER_INITIATED_MESSAGING",
    ]

    private func health(of number: Number) -> JSONValue {
        let isFine = number.status == "CONNECTED"
        var node: [String: JSONValue] = [
            "entity_type": "PHONE_NUMBER", "id": .string(number.id),
            "can_send_message": isFine ? "AVAILABLE" : "BLOCKED",
        ]
        if !isFine {
            node["errors"] = [
                [
                    "error_code": 141_000, "error_description": .string("The number is \(number.status)."),
                    "possible_solution": "Connect the number.",
                ]
            ]
        }
        return overall([.object(node)] + accountNodes(number.account))
    }

    private func health(ofAccount id: String) -> JSONValue { overall(accountNodes(id)) }

    private func accountNodes(_ id: String) -> [JSONValue] {
        let account = accounts[id] ?? Account()
        let isStopped = account.status != "ACTIVE" || !Self.stopping.isDisjoint(with: account.restrictions)
        var node: [String: JSONValue] = [
            "entity_type": "WABA", "id": .string(id),
            "can_send_message": isStopped ? "BLOCKED" : account.restrictions.isEmpty ? "AVAILABLE" : "LIMITED",
        ]
        if isStopped {
            node["errors"] = [["error_code": 131_031, "error_description": "The account is restricted."]]
        } else if !account.restrictions.isEmpty {
            node["additional_info"] = .array(account.restrictions.map(JSONValue.string))
        }
        let business: JSONValue = [
            "entity_type": "BUSINESS", "id": .string(settings.businessId), "can_send_message": "AVAILABLE",
        ]
        let app: JSONValue = ["entity_type": "APP", "id": .string(settings.appId), "can_send_message": "AVAILABLE"]
        return [.object(node), business, app]
    }

    /// Joins nodes; the worst of them is that of the whole.
    private func overall(_ nodes: [JSONValue]) -> JSONValue {
        let values = nodes.compactMap { $0["can_send_message"]?.stringValue }
        let worst = ["BLOCKED", "LIMITED"].first { values.contains($0) } ?? "AVAILABLE"
        return ["can_send_message": .string(worst), "entities": .array(nodes)]
    }
}
