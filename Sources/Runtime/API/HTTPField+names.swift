import HTTPTypes

extension HTTPField.Name {
    /// The signature that WhatsApp puts on its webhooks.
    static var hubSignature: HTTPField.Name { HTTPField.Name(validName) ?? .authorization }

    private static var validName: String { "X-Hub-Signature-256" }
}
