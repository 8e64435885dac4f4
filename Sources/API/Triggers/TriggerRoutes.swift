import AccessTokens
package import Foundation
import HTTPTypes
package import Hummingbird
import JSON
import NIOCore
package import Runtime
import Spec
import Store

/// The hook by which other systems tell that something happened: `POST /triggers/{event}`.
package struct TriggerRoutes: Sendable {
    let triggers: TriggerService
    let authenticator: Authenticator
    let secrets: TriggerSecrets?
    /// Counts events, whatever requests they come in; `nil` takes as many as come.
    let limiter: RequestLimiter?
    let now: @Sendable () -> Date

    package init(
        triggers: TriggerService,
        authenticator: Authenticator,
        secrets: TriggerSecrets?,
        limiter: RequestLimiter?,
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        (self.triggers, self.authenticator, self.secrets) = (triggers, authenticator, secrets)
        (self.limiter, self.now) = (limiter, now)
    }

    package func add(to router: Router<APIContext>) {
        router.post("/triggers/{event}") { request, context in try await fire(request, context) }
    }

    private func fire(_ request: Request, _ context: APIContext) async throws -> Response {
        let event = try context.parameters.require("event")
        guard TriggerEvent.isName(event) else {
            throw Problem.parameter(
                "event",
                "1 to 50 letters, digits, `.`, `_` and `-`, not first a sign, such as payment.overdue"
            )
        }
        guard request.uri.query == nil else { throw Problem.parameter("?", "this address takes no parameters") }
        let isSigned = request.headers[.campaignsSignature] != nil
        // Nobody's body is read who has no token.
        let caller = isSigned ? nil : try await authenticator.caller(of: request, logger: context.logger)
        if let caller { try limiter?.admit(tenant: caller.tenantID) }
        let body = try await EndpointTable.collect(request)
        let tenant: String
        let key: String?
        if let caller {
            tenant = caller.tenantID
            key = try Self.idempotencyKey(request.headers)
        } else {
            let signature = try signature(of: request, body: body, event: event)
            tenant = signature.tenant
            try limiter?.admit(tenant: tenant)
            // A header is not signed, so it cannot tell a recording from a new event.
            key = "signature:" + signature.text
        }
        let value = try EndpointTable.value(of: body, TriggerShapes.body, headers: request.headers)
        limiter?.charge(tenant: tenant, (value.arrayValue?.count ?? 1) - 1)
        let answers = try await triggers.fire(event, Self.requests(value, key: key), tenant: tenant)
        return APIAnswer(status: .accepted, content: .text(Self.text(of: answers, to: value))).response
    }

    /// The answers as their sender sees them: a list for a list.
    private static func text(of answers: [TriggerAnswer], to value: JSONValue) -> [UInt8] {
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

    private func signature(of request: Request, body: ByteBuffer, event: String) throws(Problem) -> TriggerSignature {
        guard let signature = TriggerSignature(request.headers), let secret = secrets?[signature.tenant],
            signature.isValid(for: body, event: event, secret: secret, now: now())
        else { throw .unauthorized(isTokenGiven: false) }
        return signature
    }

    private static func idempotencyKey(_ headers: HTTPFields) throws(Problem) -> String? {
        guard let key = headers[.idempotencyKey] else { return nil }
        guard (1...200).contains(key.utf8.count), key.utf8.allSatisfy({ (0x20...0x7e).contains($0) }) else {
            throw .parameter("Idempotency-Key", "1 to 200 printable ASCII characters")
        }
        return key
    }

    /// The events of a checked body; those without a name of their own get one from the key of the request.
    private static func requests(_ value: JSONValue, key: String?) -> [TriggerRequest] {
        let items = value.arrayValue ?? [value]
        return items.enumerated().map { index, item in
            TriggerRequest(
                contactID: item["contactId"]?.stringValue ?? "",
                context: item["context"],
                eventID: item["eventId"]?.stringValue ?? key.map { value.arrayValue == nil ? $0 : "\($0)#\(index)" }
            )
        }
    }
}
