import Foundation
import HTTPTypes
import JSON
import Spec
import Store

/// The costs of campaigns that were sent.
struct CostEndpoint: Sendable {
    let campaigns: CampaignRepository
    let charges: ChargeRepository

    var costs: Endpoint {
        Endpoint(
            method: .get,
            path: "/campaigns/{id}/costs",
            noun: "campaign",
            name: "getCampaignCosts",
            tag: "analytics",
            summary: "Get what WhatsApp charged for a campaign",
            details:
                "Counts each message that arrived once, by the price that WhatsApp reported with it. Amounts follow the prices "
                + "beside the specs, without volume discounts.",
            query: [AnalyticsEndpoints.run],
            responses: [.json(.ok, "The costs.", .object(CostShapes.charged), example: CostShapes.chargedExample)],
            handle: .checked { call in
                let record = try await campaigns.required(call)
                let costs = try await charges.charged(campaign: record.id, tenant: call.tenant, run: call.uuid("run"))
                return .json(costs.json)
            }
        )
    }
}

/// The shapes of costs, estimated and charged; amounts are in millionths of the currency.
enum CostShapes {
    private static let currency = ShapeField("currency", .text(3...3), "Currency of the amounts.", example: "USD")

    static let estimate = ObjectShape(
        "CostEstimate",
        "What a launch costs if everything arrives, by the prices beside the specs.",
        [
            ShapeField("currency", .text(3...3), isRequired: true, "Currency of the amounts.", example: "USD"),
            ShapeField("category", .choice(RateCategory.self), isRequired: true, "Category of the messages."),
            ShapeField(
                "day",
                .text(10...10),
                isRequired: true,
                "Day whose rules and prices count.",
                example: "2026-11-20"
            ),
            ShapeField(
                "ratesFrom",
                .text(10...10),
                isRequired: true,
                "First day of the prices.",
                example: "2026-10-01"
            ),
            ShapeField("lowMicros", .sum, isRequired: true, "The least, in millionths.", example: 2_400_000),
            ShapeField("highMicros", .sum, isRequired: true, "The most, in millionths.", example: 2_400_000),
            ShapeField("free", .sum, isRequired: true, "Messages that cost nothing.", example: 0),
            ShapeField(
                "perhapsFree",
                .sum,
                isRequired: true,
                "Paid messages that may be free, because each number has some in a month.",
                example: 0
            ),
            ShapeField("unpriced", .sum, isRequired: true, "Messages to markets without a price.", example: 0),
            ShapeField(
                "unpricedMarkets",
                .list(.text(upTo: 200), count: 0...200),
                isRequired: true,
                "Markets without a price.",
                example: .array([])
            ),
            ShapeField("markets", .list(.object(market), count: 0...200), isRequired: true, "Paid messages by market."),
            ShapeField(
                "since",
                .dateTime,
                "When the category of the template changed; absent if it is that of the launch."
            ),
            ShapeField(
                "former",
                .list(.object(former), count: 0...200),
                "Messages that were sent before that; `lowMicros` and `highMicros` contain them, and nothing else does."
            ),
        ]
    )

    private static let former = ObjectShape(
        "FormerCategoryEstimate",
        "Messages of a run that were sent while their template had another category.",
        [
            ShapeField("category", .choice(RateCategory.self), isRequired: true, "Category that they had."),
            ShapeField("messages", .sum, isRequired: true, "Number of messages.", example: 40),
            ShapeField("lowMicros", .sum, isRequired: true, "The least, in millionths.", example: 160_000),
            ShapeField("highMicros", .sum, isRequired: true, "The most, in millionths.", example: 160_000),
        ]
    )

    private static let market = ObjectShape(
        "MarketEstimate",
        "Paid messages to one market.",
        [
            ShapeField("market", .text(upTo: 200), isRequired: true, "Name of the market.", example: "Rest of Africa"),
            ShapeField("messages", .sum, isRequired: true, "Number of messages.", example: 120),
            ShapeField("rateMicros", .sum, isRequired: true, "Price of one, in millionths.", example: 20_000),
        ]
    )

    static let charged = ObjectShape(
        "ChargedCost",
        "Messages that arrived, by the price that WhatsApp reported with them.",
        [
            currency,
            ShapeField("micros", .sum, "Sum in millionths; absent without prices.", example: 2_380_000),
            ShapeField("paid", .sum, isRequired: true, "Messages that WhatsApp reported as paid.", example: 119),
            ShapeField("free", .sum, isRequired: true, "Messages that WhatsApp reported as free.", example: 1),
            ShapeField(
                "unpriced",
                .sum,
                isRequired: true,
                "Paid messages for which the list has no price; they count as nothing.",
                example: 0
            ),
            ShapeField(
                "messages",
                .list(.object(line), count: 0...10_000),
                isRequired: true,
                "Messages by category, market and type, the most expensive first."
            ),
        ]
    )

    private static let line = ObjectShape(
        "ChargedMessages",
        "Messages of one category, market and type.",
        [
            ShapeField("category", .text(upTo: 40), isRequired: true, "WhatsApp's category.", example: "marketing"),
            ShapeField("market", .text(upTo: 200), isRequired: true, "Name of the market.", example: "Rest of Africa"),
            ShapeField(
                "type",
                .text(upTo: 40),
                isRequired: true,
                "`regular` is paid; what begins with `free` is not.",
                example: "regular"
            ),
            ShapeField("count", .sum, isRequired: true, "Number of messages.", example: 119),
            ShapeField("micros", .sum, "What they cost in millionths; absent without a price.", example: 2_380_000),
        ]
    )

    static let chargedExample: JSONValue = [
        "currency": "USD", "micros": 2_380_000, "paid": 119, "free": 1, "unpriced": 0,
        "messages": [
            [
                "category": "marketing", "market": "Rest of Africa", "type": "regular", "count": 119,
                "micros": 2_380_000,
            ],
            ["category": "service", "market": "Rest of Africa", "type": "free_customer_service", "count": 1],
        ],
    ]
}
