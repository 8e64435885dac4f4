import HTTPTypes
import JSON
import Store

/// The WhatsApp Business Accounts of a tenant, as the daemons have read them.
struct AccountEndpoints: Sendable {
    let accounts: AccountViewRepository

    var all: [Endpoint] { [list] }

    private var list: Endpoint {
        Endpoint(
            method: .get,
            path: "/accounts",
            name: "listAccounts",
            tag: "accounts",
            summary: "List the accounts at WhatsApp, with their numbers and the counts of their templates",
            details: "An account that was never read has neither `sweptAt` nor anything that WhatsApp holds.",
            responses: [
                .json(
                    .ok,
                    "The accounts, in the order of their names.",
                    .object(AccountShapes.list),
                    example: ["items": [AccountShapes.example]]
                )
            ],
            handle: .checked { call in
                let views = try await accounts.views(tenant: call.tenant, withComponents: false)
                return .json(["items": .array(views.map(\.json))])
            }
        )
    }
}

private enum AccountShapes {
    private static let number = ObjectShape(
        "AccountNumber",
        "A phone number of an account. Fields that are not known are left out.",
        [
            ShapeField("phoneNumberId", .text(upTo: 50), isRequired: true, "WhatsApp's id of the number."),
            ShapeField("displayPhoneNumber", .text(0...100), "The number as people write it."),
            ShapeField("verifiedName", .text(0...1_000), "The name that people see."),
            ShapeField("nameStatus", .text(0...100), "The review of that name.", example: "APPROVED"),
            ShapeField("status", .text(0...100), "`CONNECTED` is the only healthy one.", example: "CONNECTED"),
            ShapeField("quality", .text(0...100), "GREEN, YELLOW, RED or UNKNOWN.", example: "GREEN"),
            ShapeField("throughput", .text(0...100), "`STANDARD` or `HIGH`.", example: "STANDARD"),
            ShapeField(
                "messagingTier",
                .text(0...100),
                "The limit of business-initiated messages, which all numbers of the portfolio share.",
                example: "TIER_2K"
            ),
            ShapeField("platform", .text(0...100), "`CLOUD_API` if it is registered.", example: "CLOUD_API"),
            ShapeField(
                "canSend",
                .bool,
                isRequired: true,
                "False if its status or registration keeps it from sending."
            ),
            ShapeField("readAt", .dateTime, isRequired: true, "When it was read."),
            ShapeField("goneAt", .dateTime, "When it was found gone."),
        ]
    )

    private static let templates = ObjectShape(
        "AccountTemplateCounts",
        "The templates of an account, each language counted.",
        [
            ShapeField("total", .count, isRequired: true, "All that are there."),
            ShapeField("limit", .count, "The most that WhatsApp allows.", example: 250),
            ShapeField(
                "byStatus",
                .map(.count, keys: 0...100),
                isRequired: true,
                "Counts by WhatsApp's status; `UNKNOWN` if none was told."
            ),
        ]
    )

    static let account = ObjectShape(
        "Account",
        "A WhatsApp Business Account. Fields that are not known are left out.",
        [
            ShapeField("id", .uuid, isRequired: true, "Id of the account here."),
            ShapeField("name", .text(upTo: 63), isRequired: true, "Name of its spec.", example: "main"),
            ShapeField("wabaId", .text(upTo: 50), isRequired: true, "WhatsApp's id of it.", example: "102290129340398"),
            ShapeField("title", .text(0...1_000), "Its name at WhatsApp."),
            ShapeField("currency", .text(upTo: 3), "The currency of its bills.", example: "USD"),
            ShapeField("businessId", .text(upTo: 50), "The business portfolio that owns it."),
            ShapeField("reviewStatus", .text(0...100), "WhatsApp's review of it.", example: "APPROVED"),
            ShapeField("verification", .text(0...100), "The verification of the business.", example: "verified"),
            ShapeField(
                "messagingLimit",
                .count,
                "Business-initiated messages in 24 hours; absent if there is no limit, or none is known."
            ),
            ShapeField("sweptAt", .dateTime, "When it was last read as a whole."),
            ShapeField("error", .text(0...10_000), "Why the last reading failed, and the remedy."),
            ShapeField("errorAt", .dateTime, "When it failed."),
            ShapeField("numbers", .list(.object(number), count: 0...2_000), isRequired: true, "Its phone numbers."),
            ShapeField("templates", .object(templates), isRequired: true, "Its templates."),
        ]
    )

    static let list = ObjectShape(
        "AccountList",
        "The accounts of a tenant.",
        [ShapeField("items", .list(.object(account), count: 0...1_000), isRequired: true, "The accounts.")]
    )

    static let example: JSONValue = [
        "id": "5d1f4a90-3a52-4f0a-8a39-6f1f3f0a7d21", "name": "main", "wabaId": "102290129340398", "title": "Acme Ltd",
        "currency": "USD", "messagingLimit": 2_000, "sweptAt": "2026-11-20T08:00:00Z",
        "numbers": [
            [
                "phoneNumberId": "106540352242922", "displayPhoneNumber": "+254 700 100200", "verifiedName": "Acme",
                "status": "CONNECTED", "quality": "GREEN", "messagingTier": "TIER_2K", "platform": "CLOUD_API",
                "canSend": true, "readAt": "2026-11-20T08:00:00Z",
            ]
        ],
        "templates": ["total": 12, "limit": 250, "byStatus": ["APPROVED": 11, "PAUSED": 1]],
    ]
}

extension AccountView {
    fileprivate var json: JSONValue {
        let present = templates.filter { $0.goneAt == nil }
        let counts = Dictionary(grouping: present) { $0.status ?? "UNKNOWN" }.mapValues { JSONValue.integer($0.count) }
        return .fields([
            "id": .string(accountID.apiText), "name": .string(name), "wabaId": .string(wabaID),
            "title": profile?.name.map(JSONValue.string), "currency": profile?.currency.map(JSONValue.string),
            "businessId": profile?.businessID.map(JSONValue.string),
            "reviewStatus": profile?.reviewStatus.map(JSONValue.string),
            "verification": profile?.verification.map(JSONValue.string),
            "messagingLimit": profile?.messagingLimit.map(JSONValue.integer),
            "sweptAt": sweptAt.map { .string($0.apiText) }, "error": error.map(JSONValue.string),
            "errorAt": errorAt.map { .string($0.apiText) }, "numbers": .array(numbers.map(\.json)),
            "templates": .fields([
                "total": .integer(present.count), "limit": profile?.templateLimit.map(JSONValue.integer),
                "byStatus": .object(counts),
            ]),
        ])
    }
}

extension SeenNumber {
    fileprivate var json: JSONValue {
        .fields([
            "phoneNumberId": .string(phoneNumberID), "displayPhoneNumber": displayPhoneNumber.map(JSONValue.string),
            "verifiedName": verifiedName.map(JSONValue.string), "nameStatus": nameStatus.map(JSONValue.string),
            "status": status.map(JSONValue.string), "quality": quality.map(JSONValue.string),
            "throughput": throughput.map(JSONValue.string), "messagingTier": messagingTier.map(JSONValue.string),
            "platform": platform.map(JSONValue.string), "canSend": .bool(isHealthy),
            "readAt": .string(readAt.apiText), "goneAt": goneAt.map { .string($0.apiText) },
        ])
    }
}
