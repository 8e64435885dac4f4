import Foundation
import HTTPTypes
package import JSON
import Runtime
import Spec
package import Store

/// Counts and rates of campaigns.
struct AnalyticsEndpoints: Sendable {
    let campaigns: CampaignRepository
    let analytics: AnalyticsRepository
    let log: MessageLogRepository

    var all: [Endpoint] { [overview, metrics, errors] }

    static let run = QueryParameter("run", .uuid, "Only messages of this run.")

    private var overview: Endpoint {
        Endpoint(
            method: .get,
            path: "/campaigns/analytics/overview",
            name: "getOverview",
            tag: "analytics",
            summary: "Get totals of all campaigns",
            responses: [.json(.ok, "The totals.", .object(Self.overviewShape), example: Self.overviewExample)],
            handle: .checked { call in
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
            noun: "campaign",
            name: "getCampaignMetrics",
            tag: "analytics",
            summary: "Get counts and rates of a campaign",
            query: [
                Self.run,
                QueryParameter("revision", .integer(1...Int(Int32.max)), "Only runs that sent this revision."),
            ],
            responses: [
                .json(.ok, "Counts and rates.", .object(DeliveryMetrics.shape), example: DeliveryMetrics.example)
            ],
            handle: .checked { call in
                let record = try await campaigns.required(call)
                let totals = try await analytics.totals(
                    campaign: record.id,
                    tenant: call.tenant,
                    run: call.uuid("run"),
                    revision: call.query["revision"]?.integerValue
                )
                guard let totals else { throw Problem.notFound("run of this campaign") }
                return .json(DeliveryMetrics(totals).json)
            }
        )
    }

    private var errors: Endpoint {
        Endpoint(
            method: .get,
            path: "/campaigns/{id}/errors",
            noun: "campaign",
            name: "getCampaignErrors",
            tag: "analytics",
            summary: "Count the failures of a campaign by reason",
            details:
                "Messages that retention has deleted are counted, too. Long numbers in their texts are replaced by `…`.",
            query: [Self.run],
            responses: [
                .json(
                    .ok,
                    "Reasons, most frequent first.",
                    .list(.object(Self.errorShape), count: 0...1_000),
                    example: [
                        [
                            "errorCode": "131026", "errorMessage": "Message undeliverable", "count": 15,
                            "scope": "recipient", "meaning": "not on WhatsApp, or not reachable",
                            "remedy": "nothing: they have no WhatsApp, an old one, or cannot be reached",
                        ]
                    ]
                )
            ],
            handle: .checked { call in
                let record = try await campaigns.required(call)
                let failures = try await log.failures(of: record.id, tenant: call.tenant, run: call.uuid("run"))
                return .json(
                    .array(
                        failures.map { failure in
                            let advice = FailureAdvice(code: failure.code, text: failure.message)
                            return .fields([
                                "errorCode": .string(failure.code), "errorMessage": .string(failure.message),
                                "count": .integer(failure.count), "scope": .string(advice.scope.rawValue),
                                "meaning": advice.meaning.map(JSONValue.string), "remedy": .string(advice.remedy),
                            ])
                        }
                    )
                )
            }
        )
    }

    private static let overviewShape = ObjectShape(
        "Overview",
        "Totals of the tenant. Delivered messages count as sent, and read messages count as delivered.",
        [
            ShapeField("totalCampaigns", .count, isRequired: true, "Number of campaigns.", example: 12),
            ShapeField("activeCampaigns", .count, isRequired: true, "Number of running campaigns.", example: 2),
            ShapeField("totalMessagesSent", .sum, isRequired: true, "Messages that WhatsApp accepted.", example: 980),
            ShapeField("totalDelivered", .sum, isRequired: true, "Delivered messages.", example: 900),
            ShapeField("totalRead", .sum, isRequired: true, "Read messages.", example: 400),
            ShapeField("totalFailed", .sum, isRequired: true, "Failed messages.", example: 20),
            ShapeField(
                "avgDeliveryRate",
                .number,
                isRequired: true,
                "totalDelivered / sent, in percent.",
                example: .number(91.84)
            ),
            ShapeField(
                "avgReadRate",
                .number,
                isRequired: true,
                "totalRead / sent, in percent.",
                example: .number(40.82)
            ),
        ]
    )

    private static let overviewExample: JSONValue = [
        "totalCampaigns": 12, "activeCampaigns": 2, "totalMessagesSent": 980, "totalDelivered": 900, "totalRead": 400,
        "totalFailed": 20, "avgDeliveryRate": .number(91.84), "avgReadRate": .number(40.82),
    ]

    private static let errorShape = ObjectShape(
        "ErrorCount",
        "Number of messages that failed for one reason.",
        [
            ShapeField("errorCode", .text(0...50), isRequired: true, "WhatsApp's error code.", example: "131026"),
            ShapeField("errorMessage", .text(0...100_000), isRequired: true, "Explanation of the code."),
            ShapeField("count", .count, isRequired: true, "Number of messages.", example: 15),
            ShapeField("scope", .choice(ErrorScope.self), isRequired: true, "What the failure concerns."),
            ShapeField("meaning", .text(0...1_000), "What the code means; absent for an unknown one."),
            ShapeField("remedy", .text(0...1_000), isRequired: true, "What to do about it."),
        ]
    )
}

/// Counts and rates of a campaign, from the counters of its runs.
///
/// A message has one status, and each status counts the messages that got no further: `delivered` excludes those that
/// were read. `sent` is the exception, because rates are measured against it: it counts every message that WhatsApp
/// accepted and that did not fail later. So `sent` ≥ `delivered` + `read`, and no rate exceeds 100. `queued` includes
/// messages whose request is under way. Cancelled and unconfirmed messages are in `total` only.
package struct DeliveryMetrics: Hashable, Sendable {
    let counters: RunCounters
    var responses = RunResponses()
    /// Messages that retention has deleted; the counters still count them.
    var deleted = 0

    init(_ totals: AnalyticsRepository.Totals) {
        (counters, responses, deleted) = (totals.counters, totals.responses, totals.deleted)
    }

    package init(counters: RunCounters) {
        self.counters = counters
    }

    var total: Int { counters.total }
    var pending: Int { counters[.pending] }
    var queued: Int { counters[.queued] + counters[.sending] }
    var sent: Int { counters.accepted }
    var delivered: Int { counters[.delivered] }
    var read: Int { counters[.read] }
    var failed: Int { counters[.failed] }

    var deliveryRate: Double { Self.percent(delivered + read, of: sent) }
    var readRate: Double { Self.percent(read, of: sent) }
    var failureRate: Double { Self.percent(failed, of: total - counters[.cancelled]) }

    /// Returns a percentage with two decimals; 0 if `whole` is 0.
    static func percent(_ part: Int, of whole: Int) -> Double {
        whole > 0 ? (Double(part) / Double(whole) * 10_000).rounded() / 100 : 0
    }

    package var json: JSONValue {
        [
            "total": .integer(total), "pending": .integer(pending), "queued": .integer(queued), "sent": .integer(sent),
            "delivered": .integer(delivered), "read": .integer(read), "failed": .integer(failed),
            "deliveryRate": .number(deliveryRate), "readRate": .number(readRate), "failureRate": .number(failureRate),
            "replied": .integer(responses[.replied]), "tapped": .integer(responses[.tapped]),
            "optedOut": .integer(responses[.optedOut]), "deleted": .integer(deleted),
        ]
    }

    static let shape = ObjectShape(
        "CampaignMetrics",
        "Messages of a campaign. `sent` counts every message that WhatsApp accepted and that did not fail later, also if it "
            + "was delivered or read; each other number counts messages that got no further. Cancelled and unconfirmed "
            + "messages are in `total` only.",
        [
            ShapeField("total", .sum, isRequired: true, "All messages.", example: 1_000),
            ShapeField(
                "pending",
                .sum,
                isRequired: true,
                "Not queued yet, or waiting because WhatsApp caps the recipient.",
                example: 0
            ),
            ShapeField("queued", .sum, isRequired: true, "Queued, or the request is under way.", example: 0),
            ShapeField("sent", .sum, isRequired: true, "Accepted, also if delivered or read.", example: 980),
            ShapeField("delivered", .sum, isRequired: true, "Delivered but not read.", example: 500),
            ShapeField("read", .sum, isRequired: true, "Read.", example: 400),
            ShapeField("failed", .sum, isRequired: true, "Failed.", example: 20),
            ShapeField(
                "deliveryRate",
                .number,
                isRequired: true,
                "(delivered + read) / sent, in percent.",
                example: .number(91.84)
            ),
            ShapeField("readRate", .number, isRequired: true, "read / sent, in percent.", example: .number(40.82)),
            ShapeField(
                "failureRate",
                .number,
                isRequired: true,
                "failed / (total without cancelled messages), in percent.",
                example: 2
            ),
            ShapeField("replied", .sum, isRequired: true, ResponseKind.replied.words, example: 60),
            ShapeField("tapped", .sum, isRequired: true, ResponseKind.tapped.words, example: 40),
            ShapeField("optedOut", .sum, isRequired: true, ResponseKind.optedOut.words, example: 5),
            ShapeField(
                "deleted",
                .sum,
                isRequired: true,
                "Messages among all that retention has deleted. Every other number still counts them.",
                example: 0
            ),
        ]
    )

    static let example: JSONValue = [
        "total": 1_000, "pending": 0, "queued": 0, "sent": 980, "delivered": 500, "read": 400, "failed": 20,
        "deliveryRate": .number(91.84), "readRate": .number(40.82), "failureRate": 2, "replied": 60, "tapped": 40,
        "optedOut": 5, "deleted": 0,
    ]
}

extension ResponseKind {
    /// The meaning of the number of responses of the kind.
    var words: String {
        switch self {
        case .replied: "People who answered a message, by quoting it or by a button; each once per run."
        case .tapped: "People who pressed a button of a message or chose from its list; each once per run."
        case .optedOut:
            "People who opted out by an answer to a message, or within 72 hours of the last one; each once per run."
        }
    }
}
