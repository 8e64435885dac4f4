/// A send request that passed every check of its form.
struct AdmittedMessage: Sendable {
    let recipient: Recipient
    let callbackData: String?
    /// Templates alone are answered with a `message_status`.
    let isTemplate: Bool
}
