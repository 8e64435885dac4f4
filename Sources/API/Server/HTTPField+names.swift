import HTTPTypes

extension HTTPField.Name {
    /// The signature that WhatsApp puts on its webhooks.
    static var hubSignature: HTTPField.Name { HTTPField.Name(validName) ?? .authorization }

    private static var validName: String { "X-Hub-Signature-256" }

    /// Names a request, in the request and in the answer.
    static var requestID: HTTPField.Name { HTTPField.Name(requestIDName) ?? .from }

    private static var requestIDName: String { "X-Request-Id" }

    /// Names a request of which repeats are harmless.
    static var idempotencyKey: HTTPField.Name { HTTPField.Name(idempotencyKeyName) ?? .from }

    private static var idempotencyKeyName: String { "Idempotency-Key" }

    /// Whose event a signed request tells of.
    static var campaignsTenant: HTTPField.Name { HTTPField.Name(campaignsTenantName) ?? .from }

    private static var campaignsTenantName: String { "X-Campaigns-Tenant" }

    /// Proves who sends an event.
    static var campaignsSignature: HTTPField.Name { HTTPField.Name(campaignsSignatureName) ?? .authorization }

    private static var campaignsSignatureName: String { "X-Campaigns-Signature" }
}
