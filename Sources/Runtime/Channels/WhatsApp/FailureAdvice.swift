package import Store

/// The meaning of a failed message's code, and what a person can do about it.
package struct FailureAdvice: Hashable, Sendable {
    /// The scope of the failure: the thing that a remedy has to look at.
    package let scope: ErrorScope
    /// The meaning of the code; `nil` for a code that is not known.
    package let meaning: String?
    /// The remedy, as a sentence without its full stop.
    package let remedy: String

    /// Explains a stored failure.
    ///
    /// - Parameters:
    ///   - code: The code of WhatsApp, or one of ours in words.
    ///   - text: WhatsApp's text: a code that means several things is decided by it.
    package init(code: String, text: String) {
        if let own = Self.own[code] {
            self = own
        } else {
            let verdict = ErrorVerdict(RefusalFacts(code: Int(code), details: text))
            let line = Int(code).flatMap(WhatsAppError.line(of:))
            let isRefined = line.map { $0.scope != verdict.scope } ?? false
            self.init(
                verdict.scope,
                isRefined ? nil : line?.meaning,
                verdict.hint ?? (isRefined ? nil : Int(code).flatMap(Self.remedy(of:)))
                    ?? Self.remedy(for: verdict.scope)
            )
        }
    }

    private init(_ scope: ErrorScope, _ meaning: String?, _ remedy: String) {
        (self.scope, self.meaning, self.remedy) = (scope, meaning, remedy)
    }

    private static let retry = "then `campaignd retry`"

    /// The codes of this program.
    private static let own: [String: FailureAdvice] = [
        "missing_value": .init(
            .message,
            "a value of the contact is missing",
            "give the parameter a default (`{{name|there}}`), or the contacts the value, \(retry)"
        ),
        "unreadable_value": .init(
            .message,
            "a value of the contact cannot be read",
            "correct it in `contacts`, \(retry)"
        ),
        "unreadable_row": .init(
            .message,
            "the row of the message cannot be read",
            "correct the row of its contact, \(retry)"
        ),
        "unusable_message": .init(
            .campaign,
            "the message cannot be made from the campaign's content",
            "correct the campaign, `reconcile`, and launch it again"
        ),
        "connection": .init(
            .unknown,
            "no connection to WhatsApp",
            "look at the network and WHATSAPP_API_URL, \(retry)"
        ),
        "answer_lost": .init(.unknown, "the answer of WhatsApp was lost", "decide with `campaignd settle`"),
        "poison": .init(
            .message,
            "a daemon died more than once while it prepared the message",
            "report it with the message's id; repeat the rest with `campaignd retry`"
        ),
        "unclaimable": .init(
            .message,
            "the row of the message cannot be changed",
            "look at triggers of the table, \(retry)"
        ),
        "opted_out": .init(
            .recipient,
            "the contact opted out before the message was sent",
            "nothing: this is their choice"
        ),
        "marketing_stopped": .init(
            .recipient,
            "the contact stopped marketing messages before the message was sent",
            "nothing: this is their choice"
        ),
        "deactivated": .init(.recipient, "the contact was deactivated before the message was sent", "nothing"),
        "window_closed": .init(
            .recipient,
            "the 24 hour window closed before the message was sent",
            "use a template, which needs no window"
        ),
        "quiet_hours": .init(
            .recipient,
            "its time fell into the quiet hours of the tenant",
            "launch earlier, or let messages wait (`quietHours.action: wait`)"
        ),
        "local_time_passed": .init(
            .recipient,
            "the time of the schedule had passed on the contact's clock when the run began",
            "nothing, or give the schedule a longer `misfireWindow`"
        ),
        "local_time_missing": .init(
            .recipient,
            "the contact's clock left the time out when it was put forward",
            "nothing, or choose `dst: { gap: next }` for the schedule"
        ),
        "frequency_cap": .init(
            .recipient,
            "the contact has had as many messages as the tenant allows",
            "nothing, or raise the tenant's `frequencyCap`"
        ),
    ]

    /// Returns the remedy for a code of WhatsApp that needs another one than its scope.
    private static func remedy(of code: Int) -> String? {
        switch code {
        case 131_037: "have the display name approved in WhatsApp Manager, \(retry)"
        case 131_045, 133_000, 133_005...133_010: "register the number with the Cloud API, \(retry)"
        case 368, 131_031: "look at the account's restrictions in WhatsApp Manager, and ask for a review"
        case 131_042, 134_011: "settle the payment in WhatsApp Manager, \(retry)"
        case 131_064: "give the templates their right category in WhatsApp Manager"
        case 4, 80_007, 130_429, 131_048, 131_057: "lower the sender's `ratePerSecond`, \(retry)"
        case 131_056: "wait, \(retry); `pairLimit: defer` delays only that recipient"
        case 1, 2, 131_000, 131_016, 133_004: "look at WhatsApp's status page, \(retry)"
        case 134_101, 134_102: "wait some minutes, \(retry)"
        case 132_001: "compare the template's `whatsappName` and `language` with WhatsApp Manager, \(retry)"
        case 132_007, 132_015, 132_016: "mend the template in WhatsApp Manager until it is approved, \(retry)"
        case 131_053: "look whether WhatsApp can fetch the media's address, and at its type and size, \(retry)"
        case 131_026: "nothing: they have no WhatsApp, an old one, or cannot be reached; a retry rarely helps"
        case 131_047: "use a template, which needs no window"
        case 131_049: "do not retry within 24 hours; `onUserCap` lets such messages wait"
        case 130_472, 131_050, 130_403, 131_021: "nothing: the message cannot reach them"
        case 130_497: "leave these countries out of the audience"
        case 131_030: "add them to the test number's list, or use a real number"
        default: nil
        }
    }

    private static func remedy(for scope: ErrorScope) -> String {
        switch scope {
        case .message: "correct the contact's values, \(retry)"
        case .recipient: "look at the contacts; the others are not concerned"
        case .campaign:
            "compare the campaign's template and parameters with WhatsApp Manager, `reconcile`, and launch it again"
        case .sender: "look at the sender, \(retry)"
        case .account: "look at the account in WhatsApp Manager, \(retry)"
        case .unknown: "read WhatsApp's text, \(retry)"
        }
    }
}
