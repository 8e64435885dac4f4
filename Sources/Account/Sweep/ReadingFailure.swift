/// Why an account could not be read, with the remedy, in words for people.
struct ReadingFailure: Hashable, Sendable {
    let text: String
    /// WhatsApp allows no calls for some minutes, 0 if it named no number; `nil` for other failures.
    var limitMinutes: Int?
    /// True if the place in the list of templates may be the cause.
    var restarts = false

    /// Puts an error of a call into words.
    ///
    /// - Parameters:
    ///   - error: The error.
    ///   - reference: The reference to the token, which is no secret.
    ///   - account: WhatsApp's id of the account.
    ///   - hasCursor: True if the call was for a page after the first.
    init(_ error: GraphError, reference: String, account: String, hasCursor: Bool = false) {
        switch error {
        case .unauthorized(let refusal) where [102, 190].contains(refusal.code):
            text = "WhatsApp refuses the token \(reference) (\(refusal)); make a new one and put it there"
        case .unauthorized(let refusal):
            text = """
                the token \(reference) may not read account \(account) (\(refusal)); assign the account to its system user, \
                and give the token whatsapp_business_management
                """
        case .refused(let refusal) where refusal.code == 100 && hasCursor:
            text = "WhatsApp refused a page of templates (\(refusal)); the reading begins anew"
            restarts = true
        case .refused(let refusal) where refusal.code == 100 && refusal.subcode == 33:
            text = """
                WhatsApp does not know account \(account), or the token \(reference) may not see it (\(refusal)); check \
                `wabaId`, and assign the account to the token's system user
                """
        case .refused(let refusal): text = "WhatsApp refused to be read (\(refusal))"
        case .limited(_, let minutes):
            // Without the estimate, which differs each time: a failure is logged once.
            text = "too many calls to WhatsApp; the reading goes on when they are allowed again"
            limitMinutes = minutes
        case .notWritten, .lost: text = "\(error); what is known stays, and the reading is tried again"
        case .unreadable: text = "\(error); check WHATSAPP_API_URL"
        }
    }

    /// A failure before any call.
    init(text: String) { self.text = text }
}
