import Foundation
import HTTPTypes
import Hummingbird
import JSON
import Runtime
import Store

extension TriggerEndpoint {
    /// The route by which a program sends a campaign to contacts that it names: `POST /campaigns/{id}/messages`.
    var campaignEndpoint: Endpoint {
        Endpoint(
            method: .post,
            path: "/campaigns/{id}/messages",
            noun: "campaign",
            name: "sendMessages",
            tag: "triggers",
            summary: "Send a campaign of a module to one or more contacts",
            details: """
                For campaigns of type `module_initiated`; the first message starts a draft. Contacts must be opted in, \
                and in the campaign's audience if it has one. The answer comes after everything is committed.

                Body, answers, `eventId`, `Idempotency-Key` and limits are those of `POST /triggers/{event}`. A signature \
                covers `<t>.<tenant>.<id of the campaign, as in the address>.<body>`.
                """,
            access: Self.access,
            body: .required(
                Self.body,
                example: ["contactId": "254712345678", "context": ["orderNumber": "A-17"], "eventId": "order-A-17"]
            ),
            responses: [
                .json(
                    .accepted,
                    "Committed. One answer for one contact, a list for a list.",
                    .anyOf([.list(.object(Self.answer), count: 1...Self.largestBatch), .object(Self.answer)]),
                    example: Self.answerExample
                )
            ],
            problems: [
                .malformedRequest, .internalError, .unavailable, .invalidParameter, .stateConflict, .notReady,
                .policyViolated,
            ],
            handle: .raw { request, context in try await send(request, context) }
        )
    }

    private func send(_ request: Request, _ context: APIContext) async throws -> Response {
        let text = try context.parameters.require("id")
        return try await take(request, context, signed: text) { requests, tenant in
            guard let id = UUID(uuidString: text) else { throw Problem.notFound("campaign") }
            try await campaigns.checkMessages(requests.count, of: id, tenant: tenant)
            return try await triggers.fire(.campaign(id), requests, tenant: tenant)
        }
    }
}
