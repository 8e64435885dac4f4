import AccessTokens
package import Foundation
import HTTPTypes
import Hummingbird
import JSON
import Logging
import NIOCore
package import Runtime
import Spec
package import Store

/// The hook by which other systems report events of contacts: `POST /triggers/{event}`.
package struct TriggerEndpoint: Sendable {
    /// Maximum number of events in one request.
    static let largestBatch = 1_000
    /// The rights of a token; a signed request needs none.
    static let access = Endpoint.Access.token(.operate)

    let triggers: TriggerService
    let campaigns: CampaignRepository
    let authenticator: Authenticator
    let secrets: TriggerSecrets?
    /// Counts events, not requests; `nil` means no limit.
    let limiter: RequestLimiter?
    let now: @Sendable () -> Date
    private let refusals = RefusalLog()

    package init(
        triggers: TriggerService,
        campaigns: CampaignRepository,
        authenticator: Authenticator,
        secrets: TriggerSecrets?,
        limiter: RequestLimiter?,
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        (self.triggers, self.campaigns) = (triggers, campaigns)
        (self.authenticator, self.secrets) = (authenticator, secrets)
        (self.limiter, self.now) = (limiter, now)
    }

    var endpoint: Endpoint {
        Endpoint(
            method: .post,
            path: "/triggers/{event}",
            name: "fireTrigger",
            tag: "triggers",
            summary: "Report an event of one or more contacts",
            details: """
                Sends the campaigns that wait for the event. The answer comes after everything is committed.

                Instead of an access token, a request may be signed with the tenant's secret from TRIGGER_SECRETS: \
                `X-Campaigns-Tenant: acme` and `X-Campaigns-Signature: t=<seconds since 1970>,v1=<hex of HMAC-SHA-256>` \
                over `<t>.<tenant>.<event>.<body>`.

                With an `eventId`, or with the header `Idempotency-Key` (1 to 200 characters, with an access token, for \
                events without an `eventId`), repeats are harmless: they get the same answer for 30 days.

                A tenant may send TRIGGER_RATE_LIMIT events per second, in any number of requests. A list is admitted \
                as a whole if one event is; the tenant waits longer afterwards (429 with `Retry-After`).
                """,
            access: Self.access,
            pathShapes: ["event": .formatted(.eventName)],
            body: .required(
                Self.body,
                example: ["contactId": "254712345678", "context": ["amount": "12.50"]]
            ),
            responses: [
                .json(
                    .accepted,
                    "Committed. One answer for one event, a list for a list.",
                    .anyOf([.list(.object(Self.answer), count: 1...Self.largestBatch), .object(Self.answer)]),
                    example: Self.answerExample
                )
            ],
            problems: [.malformedRequest, .internalError, .unavailable, .invalidParameter],
            handle: .raw { request, context in try await fire(request, context) }
        )
    }

    private func fire(_ request: Request, _ context: APIContext) async throws -> Response {
        let event = try context.parameters.require("event")
        guard TriggerEvent.isName(event) else {
            throw Problem.parameter(
                "event",
                "1 to 50 letters, digits, `.`, `_` and `-`, beginning with a letter or digit, such as payment.overdue"
            )
        }
        return try await take(request, context, signed: event) { requests, tenant in
            try await triggers.fire(event, requests, tenant: tenant)
        }
    }

    /// Checks a request, takes its events in, and answers.
    ///
    /// - Parameters:
    ///   - request: The request.
    ///   - context: The context of the request.
    ///   - subject: The part of the address that a signature covers.
    ///   - commit: Takes the events in, for a tenant.
    /// - Returns: The answers: a list for a list, an object for an object.
    /// - Throws: ``Problem``, or the error of `commit`.
    func take(
        _ request: Request,
        _ context: APIContext,
        signed subject: String,
        _ commit: ([TriggerRequest], _ tenant: String) async throws -> [TriggerOutcome]
    ) async throws -> Response {
        guard request.uri.query == nil else { throw Problem.parameter("?", "this address takes no parameters") }
        let isSigned = request.headers[.campaignsSignature] != nil
        // The token is verified before the body is read.
        let caller = isSigned ? nil : try await authenticator.caller(of: request, logger: context.logger)
        if let caller {
            try limiter?.admit(tenant: caller.tenantID)
            try Self.access.check(caller)
        }
        let body = try await request.limitedBody()
        let tenant: String
        let key: String?
        if let caller {
            tenant = caller.tenantID
            key = try IdempotencyKey.read(request.headers)
        } else {
            let signature = try signature(of: request, body: body, subject: subject, context)
            tenant = signature.tenant
            try authenticator.checkCell(of: tenant)
            try limiter?.admit(tenant: tenant)
            // The signature is the key: a header is not signed, so it cannot tell a replay from a new event.
            key = "signature:" + signature.text
        }
        let value = try Endpoint.value(of: body, Self.body, request.headers)
        limiter?.charge(tenant: tenant, (value.arrayValue?.count ?? 1) - 1)
        let answers = try await commit(Self.requests(value, key: key), tenant)
        return APIResponse(status: .accepted, content: .text(Self.text(of: answers, to: value))).response
    }

    /// Encodes the answers: a list for a list, an object for an object.
    private static func text(of answers: [TriggerOutcome], to value: JSONValue) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(answers.count * 256)
        guard let items = value.arrayValue else {
            answers[0].append(to: &text, isNamed: value["eventId"] != nil)
            return text
        }
        text.append(UInt8(ascii: "["))
        for (index, answer) in answers.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            answer.append(to: &text, isNamed: items[index]["eventId"] != nil)
        }
        text.append(UInt8(ascii: "]"))
        return text
    }

    private func signature(
        of request: Request,
        body: ByteBuffer,
        subject: String,
        _ context: APIContext
    ) throws(Problem) -> TriggerSignature {
        func refused(_ problem: String) -> Problem {
            let tenant = request.headers[.campaignsTenant] ?? ""
            let place: Logger.Metadata = ["tenant": "\(tenant.prefix(50))", "subject": "\(subject.prefix(50))"]
            refusals.note(problem, place, to: context.logger)
            return .unauthorized(isTokenGiven: false)
        }
        guard let signature = TriggerSignature(request.headers) else {
            throw refused("Trigger refused, its headers X-Campaigns-Tenant and X-Campaigns-Signature are malformed")
        }
        guard let secret = secrets?[signature.tenant] else {
            throw refused("Trigger refused, TRIGGER_SECRETS has no secret of its tenant")
        }
        if let problem = signature.problem(for: body, event: subject, secret: secret, now: now()) {
            throw refused(problem)
        }
        return signature
    }

    /// Returns the id that contacts are stored under; a text that is no phone number stays as it is, and finds no contact.
    private static func contactID(_ text: String) -> String {
        let digits = text.hasPrefix("+") ? text.dropFirst() : text[...]
        let isPlain = !digits.hasPrefix("0") && digits.utf8.allSatisfy { (0x30...0x39).contains($0) }
        return isPlain ? text : (try? PhoneNumberReader().read(text).digits) ?? text
    }

    /// Reads the events of a checked body; those without an id get one from the key of the request.
    private static func requests(_ value: JSONValue, key: String?) -> [TriggerRequest] {
        let items = value.arrayValue ?? [value]
        return items.enumerated().map { index, item in
            TriggerRequest(
                contactID: contactID(item["contactId"]?.stringValue ?? ""),
                context: item["context"],
                eventID: item["eventId"]?.stringValue ?? key.map { value.arrayValue == nil ? $0 : "\($0)#\(index)" }
            )
        }
    }
}

extension TriggerEndpoint {
    static let body = Shape.anyOf([.list(.object(request), count: 1...largestBatch), .object(request)])

    private static let request = ObjectShape(
        "TriggerRequest",
        "One event of one contact.",
        [
            ShapeField(
                "contactId",
                .text(upTo: ContactRules.longestID),
                isRequired: true,
                "Phone number of the contact, with or without the plus sign, or another id of it.",
                example: "254712345678"
            ),
            ShapeField(
                "context",
                .map(.any, keys: 0...100),
                "Data of the event: triggers match on it, and messages show it as `{{context.amount}}`.",
                example: ["amount": "12.50"]
            ),
            ShapeField(
                "eventId",
                .text(upTo: 255),
                "Your id of the event. A repeated id gets the first answer again and sends nothing.",
                example: "invoice-17"
            ),
        ]
    )

    private static let match = ObjectShape(
        "TriggerMatch",
        "A message that will be sent.",
        [
            ShapeField("campaignId", .uuid, isRequired: true, "Id of the campaign."),
            ShapeField("campaign", .text(upTo: 255), isRequired: true, "Name of the campaign."),
            ShapeField("messageId", .uuid, isRequired: true, "Id of the message."),
        ]
    )

    private static let refusal = ObjectShape(
        "TriggerRefusal",
        "A campaign that sends no message for the event.",
        [
            ShapeField("reason", .choice(TriggerRefusal.self), isRequired: true, "The reason."),
            ShapeField("campaignId", .uuid, "Id of the campaign; absent if the reason applies to all campaigns."),
            ShapeField("campaign", .text(upTo: 255), "Name of the campaign."),
        ]
    )

    static let answer = ObjectShape(
        "TriggerAnswer",
        "The effect of an event. Campaigns that do not wait for the event are not listed.",
        [
            ShapeField(
                "contactId",
                .text(upTo: ContactRules.longestID),
                isRequired: true,
                "Phone number or other id of the contact."
            ),
            ShapeField("eventId", .text(upTo: 255), "Your id of the event."),
            ShapeField(
                "matched",
                .list(.object(match), count: 0...10_000),
                isRequired: true,
                "Messages that will be sent."
            ),
            ShapeField("refused", .list(.object(refusal), count: 0...10_000), isRequired: true, "Refusals."),
        ]
    )

    static let answerExample: JSONValue = [
        "contactId": "254712345678",
        "matched": [
            [
                "campaignId": "2f9d0a3e-6a44-4a57-9d3c-0c6a3a1a2b4c", "campaign": "overdue-reminder",
                "messageId": "01a209a8-09d6-87a1-a9ed-6d0000000001",
            ]
        ],
        "refused": [],
    ]
}
