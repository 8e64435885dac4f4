import Store

/// One line of the table of WhatsApp's error codes: what the code concerns, and what delivery does.
///
/// Codes and meanings are those of the Cloud API's error reference (2026). `docs/delivery.md` shows the table; a test
/// compares the two. A code that means several things is refined by ``ErrorVerdict``.
struct WhatsAppError: Sendable {
    let codes: [Int]
    let scope: ErrorScope
    let errorClass: ErrorClass
    let meaning: String
    /// The setting to look at, for errors of the sender.
    let setting: Setting?

    private init(
        _ codes: [Int],
        _ scope: ErrorScope,
        _ errorClass: ErrorClass,
        _ meaning: String,
        _ setting: Setting? = nil
    ) {
        self.codes = codes
        self.scope = scope
        self.errorClass = errorClass
        self.meaning = meaning
        self.setting = setting
    }

    /// The settings that an error can point at.
    enum Setting: Sendable {
        case address, number, token, proxy, addressOrProxy

        var hint: String {
            switch self {
            case .address: "look at WHATSAPP_API_URL, which needs the version of the API, as \(WhatsAppAPI.defaultURL)"
            case .number:
                "look at the sender's `phoneNumberId` and at WHATSAPP_API_URL, and whether the `accessToken` may use "
                    + "the number"
            case .token: "look at the sender's `accessToken`"
            case .proxy: "a proxy answered for WhatsApp: look at its address and credentials (HTTPS_PROXY)"
            case .addressOrProxy:
                "something else answered for WhatsApp: look at WHATSAPP_API_URL and at proxies in between"
            }
        }
    }

    /// Finds the line of a code; `nil` if the code is not in the table.
    static func line(of code: Int) -> WhatsAppError? { byCode[code] }

    private static let byCode: [Int: WhatsAppError] = {
        var lines: [Int: WhatsAppError] = [:]
        for line in table { for code in line.codes { lines[code] = line } }
        return lines
    }()

    /// The code for a template that WhatsApp has paused for a time, and may approve again.
    static let templatePaused = "132015"

    /// Codes of a wrong parameter: by their details they concern one message, one recipient or the campaign.
    static let parameterCodes: Set<Int> = [
        100, 131_008, 131_009, 132_000, 132_005, 132_008, 132_012, 132_018, 135_000,
    ]

    static let table: [WhatsAppError] = [
        // The sender and the account.
        WhatsAppError([0, 190], .sender, .systemic, "token invalid or expired", .token),
        WhatsAppError([101, 102, 104], .sender, .systemic, "token missing or of another app", .token),
        WhatsAppError([3, 10] + Array(200...299), .account, .systemic, "permission missing", .token),
        WhatsAppError([131_005], .account, .systemic, "access denied", .token),
        WhatsAppError([33, 803], .sender, .systemic, "number unknown or deleted", .number),
        WhatsAppError([12, 2_500, 2_635], .sender, .systemic, "unknown path or version", .address),
        WhatsAppError([131_037], .sender, .systemic, "display name of the number not approved"),
        WhatsAppError([131_045, 133_010], .sender, .systemic, "number not registered"),
        WhatsAppError([133_000, 133_005, 133_006, 133_008, 133_009], .sender, .systemic, "number being registered"),
        WhatsAppError([368, 131_031], .account, .systemic, "account restricted or locked"),
        WhatsAppError([131_042, 134_011], .account, .systemic, "payment problem"),
        WhatsAppError([131_064], .account, .systemic, "limit for templates of a wrong category"),
        // Rates.
        WhatsAppError([4, 80_007], .account, .rateLimit, "too many calls of the app or account"),
        WhatsAppError([130_429, 131_048], .sender, .rateLimit, "number too fast, or restricted for spam"),
        WhatsAppError([131_057], .sender, .rateLimit, "account in maintenance"),
        WhatsAppError([131_056], .recipient, .pairRateLimit, "too many messages to one recipient"),
        // Problems that pass.
        WhatsAppError([1, 2, 131_000, 131_016], .unknown, .retryable, "WhatsApp has a problem"),
        WhatsAppError([133_004], .unknown, .retryable, "WhatsApp has a problem"),
        WhatsAppError([134_101, 134_102], .campaign, .retryable, "template still being prepared for marketing"),
        // The template.
        WhatsAppError([132_001], .campaign, .systemic, "template missing or not approved"),
        WhatsAppError([132_007, 132_015, 132_016], .campaign, .systemic, "template refused, paused or disabled"),
        WhatsAppError([131_055, 131_063, 134_100], .campaign, .systemic, "not allowed for marketing"),
        WhatsAppError([132_068, 132_069], .campaign, .systemic, "flow blocked or throttled"),
        // Parameters and content.
        WhatsAppError([132_000], .campaign, .permanent, "number of parameters differs from the template"),
        WhatsAppError([132_008, 132_012, 132_018], .campaign, .permanent, "parameter does not fit the template"),
        WhatsAppError([132_005], .campaign, .permanent, "filled-in text too long"),
        WhatsAppError([100, 131_008, 131_009, 135_000], .campaign, .permanent, "parameter missing or wrong"),
        WhatsAppError([131_051], .campaign, .permanent, "type of message not supported"),
        WhatsAppError([131_053], .campaign, .permanent, "media cannot be fetched"),
        WhatsAppError([131_052, 131_060], .message, .permanent, "message or media unavailable"),
        // The recipient.
        WhatsAppError([131_026], .recipient, .permanent, "not on WhatsApp, or not reachable"),
        WhatsAppError([131_047], .recipient, .permanent, "24 h window closed"),
        WhatsAppError([131_049], .recipient, .userCap, "WhatsApp's own cap for a person"),
        WhatsAppError([130_472], .recipient, .permanent, "WhatsApp's own experiment with a person"),
        WhatsAppError([131_050], .recipient, .optOut, "recipient stopped marketing messages"),
        WhatsAppError([130_403, 131_021], .recipient, .permanent, "blocked, or the sender itself"),
        WhatsAppError([130_497], .recipient, .permanent, "country not allowed"),
        WhatsAppError([131_030], .recipient, .permanent, "not on the list of a test number"),
        WhatsAppError([131_062, 137_000], .recipient, .permanent, "user id or identity not accepted"),
    ]
}
