import AccessTokens
import Foundation
import HTTPTypes
import JSON
import Store

/// The caller of a token, its rights, and the clock of its tenant: what a page needs before anything else.
struct SessionEndpoint: Sendable {
    let live: LiveRepository
    /// The version of the daemon.
    let version: String
    let now: @Sendable () -> Date

    var endpoint: Endpoint {
        Endpoint(
            method: .get,
            path: "/session",
            name: "getSession",
            tag: "service",
            summary: "Get the caller of the token and its scopes",
            access: .anyToken,
            responses: [.json(.ok, "The caller.", .object(Self.shape), example: Self.example)],
            handle: .checked { call in
                let zone = try await live.timeZone(ofTenant: call.tenant)
                return .json([
                    "tenant": .string(call.tenant), "subject": .string(call.caller.subject),
                    "scopes": .array(call.caller.scopes.allowed.map { .string($0.rawValue) }),
                    "expiresAt": .string(call.caller.expiresAt.apiText), "timeZone": .string(zone ?? "UTC"),
                    "version": .string(version), "now": .string(now().apiText),
                ])
            }
        )
    }

    private static let shape = ObjectShape(
        "Session",
        "The caller of a token.",
        [
            ShapeField("tenant", .text(upTo: 50), isRequired: true, "Tenant of the token.", example: "acme"),
            ShapeField("subject", .text(upTo: 255), isRequired: true, "User or program.", example: "jane@example.com"),
            ShapeField(
                "scopes",
                .list(.choice(AccessScope.self), count: 0...AccessScope.allCases.count),
                isRequired: true,
                "Rights of the token, with those that others include."
            ),
            ShapeField("expiresAt", .dateTime, isRequired: true, "When the token expires."),
            ShapeField(
                "timeZone",
                .text(upTo: 100),
                isRequired: true,
                "Time zone of the tenant; UTC if it has none.",
                example: "Africa/Nairobi"
            ),
            ShapeField("version", .text(upTo: 100), isRequired: true, "Version of the daemon.", example: "1.4.0"),
            ShapeField("now", .dateTime, isRequired: true, "The clock of the daemon."),
        ]
    )

    private static let example: JSONValue = [
        "tenant": "acme", "subject": "jane@example.com", "scopes": ["read", "operate"],
        "expiresAt": "2026-11-20T09:00:00Z", "timeZone": "Africa/Nairobi", "version": "1.4.0",
        "now": "2026-11-20T08:00:00Z",
    ]
}
