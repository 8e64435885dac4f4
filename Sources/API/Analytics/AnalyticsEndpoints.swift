import Foundation
import HTTPTypes
import JSON
import Spec
import Store

/// How campaigns fare.
struct AnalyticsEndpoints: Sendable {
    let campaigns: CampaignRepository
    let analytics: AnalyticsRepository
    let log: MessageLogRepository

    var all: [Endpoint] { [overview, metrics, errors] }

    static let run = QueryParameter("run", .uuid, "Only this run.")

    private static let rate = Shape.number
    private static let metricsShape = ObjectShape(
        "CampaignMetrics",
        "The messages of a campaign. `sent` counts every message that WhatsApp accepted and that did not fail later, also "
            + "those delivered or read; the other numbers count messages that have got no further. Cancelled and "
            + "unconfirmed messages are in `total` only.",
        [
            ShapeField("total", .sum, isRequired: true, "All messages.", example: 1_000),
            ShapeField("pending", .sum, isRequired: true, "Not yet queued.", example: 0),
            ShapeField("queued", .sum, isRequired: true, "Queued, or their request is under way.", example: 0),
            ShapeField("sent", .sum, isRequired: true, "Accepted, whether delivered and read or not.", example: 980),
            ShapeField("delivered", .sum, isRequired: true, "Delivered, and not read.", example: 500),
            ShapeField("read", .sum, isRequired: true, "Read.", example: 400),
            ShapeField("failed", .sum, isRequired: true, "Failed for good.", example: 20),
            ShapeField(
                "deliveryRate",
                rate,
                isRequired: true,
                "(delivered + read) / sent, in percent.",
                example: .number(91.84)
            ),
            ShapeField("readRate", rate, isRequired: true, "read / sent, in percent.", example: .number(40.82)),
            ShapeField("failureRate", rate, isRequired: true, "failed / total, in percent.", example: 2),
        ]
    )

    private static let overviewShape = ObjectShape(
        "Overview",
        "All campaigns of the tenant. Messages delivered count as sent, and messages read as delivered.",
        [
            ShapeField("totalCampaigns", .count, isRequired: true, "Campaigns.", example: 12),
            ShapeField("activeCampaigns", .count, isRequired: true, "Campaigns that are running.", example: 2),
            ShapeField("totalMessagesSent", .sum, isRequired: true, "Messages that WhatsApp accepted.", example: 980),
            ShapeField("totalDelivered", .sum, isRequired: true, "Of these, delivered.", example: 900),
            ShapeField("totalRead", .sum, isRequired: true, "Of these, read.", example: 400),
            ShapeField("totalFailed", .sum, isRequired: true, "Messages that failed.", example: 20),
            ShapeField(
                "avgDeliveryRate",
                rate,
                isRequired: true,
                "totalDelivered / sent, in percent.",
                example: .number(91.84)
            ),
            ShapeField("avgReadRate", rate, isRequired: true, "totalRead / sent, in percent.", example: .number(40.82)),
        ]
    )

    private static let errorShape = ObjectShape(
        "ErrorCount",
        "How many messages failed for one reason.",
        [
            ShapeField("errorCode", .text(0...50), isRequired: true, "The code.", example: "131026"),
            ShapeField("errorMessage", .text(0...100_000), isRequired: true, "What it means."),
            ShapeField("count", .count, isRequired: true, "How many messages.", example: 15),
        ]
    )

    private var overview: Endpoint {
        Endpoint(
            method: .get,
            path: "/campaigns/analytics/overview",
            name: "getOverview",
            tag: "analytics",
            summary: "Get the numbers of all campaigns",
            answers: [
                .json(
                    .ok,
                    "The numbers.",
                    .object(Self.overviewShape),
                    example: [
                        "totalCampaigns": 12, "activeCampaigns": 2, "totalMessagesSent": 980, "totalDelivered": 900,
                        "totalRead": 400, "totalFailed": 20, "avgDeliveryRate": .number(91.84),
                        "avgReadRate": .number(40.82),
                    ]
                )
            ],
            handle: { call in
                let overview = try await analytics.overview(tenant: call.tenant)
                let metrics = DeliveryMetrics(counters: overview.counters)
                return .json([
                    "totalCampaigns": .integer(overview.campaigns),
                    "activeCampaigns": .integer(overview.activeCampaigns),
                    "totalMessagesSent": .integer(metrics.sent),
                    "totalDelivered": .integer(metrics.delivered + metrics.read),
                    "totalRead": .integer(metrics.read), "totalFailed": .integer(metrics.failed),
                    "avgDeliveryRate": .number(metrics.deliveryRate), "avgReadRate": .number(metrics.readRate),
                ])
            }
        )
    }

    private var metrics: Endpoint {
        Endpoint(
            method: .get,
            path: "/campaigns/{id}/analytics",
            name: "getCampaignMetrics",
            tag: "analytics",
            summary: "Get the numbers of a campaign",
            query: [
                Self.run,
                QueryParameter("revision", .integer(1...Int(Int32.max)), "Only runs that sent this revision."),
            ],
            answers: [
                .json(
                    .ok,
                    "The numbers.",
                    .object(Self.metricsShape),
                    example: [
                        "total": 1_000, "pending": 0, "queued": 0, "sent": 980, "delivered": 500, "read": 400,
                        "failed": 20, "deliveryRate": .number(91.84), "readRate": .number(40.82), "failureRate": 2,
                    ]
                )
            ],
            handle: { call in
                let record = try await campaigns.required(call)
                let counters = try await analytics.counters(
                    campaign: record.id,
                    tenant: call.tenant,
                    run: call.text("run").flatMap { UUID(uuidString: $0) },
                    revision: call.query["revision"]?.integerValue
                )
                guard let counters else { throw Problem.notFound("run of this campaign") }
                return .json(DeliveryMetrics(counters: counters).json)
            }
        )
    }

    private var errors: Endpoint {
        Endpoint(
            method: .get,
            path: "/campaigns/{id}/errors",
            name: "getCampaignErrors",
            tag: "analytics",
            summary: "Get the failures of a campaign by reason",
            query: [Self.run],
            answers: [
                .json(
                    .ok,
                    "The reasons, most frequent first.",
                    .list(.object(Self.errorShape), count: 0...1_000),
                    example: [["errorCode": "131026", "errorMessage": "Message undeliverable", "count": 15]]
                )
            ],
            handle: { call in
                let record = try await campaigns.required(call)
                let run = call.text("run").flatMap { UUID(uuidString: $0) }
                let failures = try await log.failures(of: record.id, tenant: call.tenant, run: run)
                return .json(
                    .array(
                        failures.map { failure in
                            [
                                "errorCode": .string(failure.code), "errorMessage": .string(failure.message),
                                "count": .integer(failure.count),
                            ]
                        }
                    )
                )
            }
        )
    }
}
