import HTTPTypes

extension HTTPField.Name {
    /// The signature that WhatsApp puts on its webhooks.
    static var hubSignature: HTTPField.Name { HTTPField.Name(validName) ?? .authorization }

    private static var validName: String { "X-Hub-Signature-256" }

    /// Names a request, in the request and in the answer.
    static var requestID: HTTPField.Name { HTTPField.Name(requestIDName) ?? .from }

    private static var requestIDName: String { "X-Request-Id" }
}
