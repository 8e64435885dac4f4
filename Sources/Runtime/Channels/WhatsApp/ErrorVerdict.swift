import Foundation
import Store

/// The facts of a refusal, from an answer or a report.
struct RefusalFacts: Hashable, Sendable {
    /// `nil` in a report.
    var httpStatus: Int?
    /// The code of the error object; `nil` if there was none, or if it has no code.
    var code: Int?
    var subcode: Int?
    /// `error_data.details`, otherwise the message.
    var details = ""
    /// The media type of the answer, such as `text/html`.
    var contentType: String?
    /// True if the answer holds an error object of the Graph API.
    var isGraphError = true
    /// True if the body ended too early or cannot be read: then the status counts.
    var isCutOff = false
    /// WhatsApp's own hint that another attempt may succeed.
    var isTransient = false
}

/// The scope of a refusal and whether it is tried again, as a pure function of its facts.
struct ErrorVerdict: Hashable, Sendable {
    let scope: ErrorScope
    let errorClass: ErrorClass
    /// The setting to look at, for errors that point at one.
    let hint: String?

    private init(_ scope: ErrorScope, _ errorClass: ErrorClass, _ setting: WhatsAppError.Setting? = nil) {
        self.scope = scope
        self.errorClass = errorClass
        hint = setting?.hint
    }

    /// Judges a refusal.
    ///
    /// The code decides, refined by subcode and details; the HTTP status only without a known code, because Meta sends the
    /// same code with different statuses. An answer without an error object of the Graph API comes from something else,
    /// such as a proxy.
    init(_ facts: RefusalFacts) {
        if let code = facts.code, let line = WhatsAppError.line(of: code) {
            self = Self.refined(code, facts) ?? ErrorVerdict(line.scope, line.errorClass, line.setting)
        } else if facts.isGraphError {
            self = Self.unknownCode(facts)
        } else {
            self = Self.foreign(facts)
        }
    }

    /// Returns the verdict on a code that means several things; `nil` if the table's applies.
    private static func refined(_ code: Int, _ facts: RefusalFacts) -> ErrorVerdict? {
        let details = facts.details.lowercased()
        if code == 100 {
            // The path names an object that does not exist, or that the token may not use.
            if facts.subcode == 33 || details.contains("unsupported post request")
                || details.contains("cannot be loaded due to missing permissions")
            {
                return ErrorVerdict(.sender, .systemic, .number)
            }
            if details.contains("unknown path") { return ErrorVerdict(.sender, .systemic, .address) }
        }
        guard WhatsAppError.parameterCodes.contains(code) else { return nil }
        if concernsLayout(details) { return ErrorVerdict(.message, .permanent) }
        if details.contains("recipient") || details.hasPrefix("'to'") || details.contains("parameter to ") {
            return ErrorVerdict(.recipient, .permanent)
        }
        return nil
    }

    /// Returns true for the details of a parameter text with a line break, a tab or too many spaces.
    private static func concernsLayout(_ details: String) -> Bool {
        ["new-line", "newline", "new line", "line break", "tab character", "/tab", "a tab", "consecutive spaces"]
            .contains(where: details.contains) || (details.contains("spaces") && details.contains("more than 4"))
    }

    private static func unknownCode(_ facts: RefusalFacts) -> ErrorVerdict {
        switch facts.httpStatus ?? 400 {
        case 401: ErrorVerdict(.sender, .systemic, .token)
        case 429: ErrorVerdict(.sender, .rateLimit)
        case 502, 504: ErrorVerdict(.unknown, .ambiguous)
        case 408, 425, 500, 503, 505...599: ErrorVerdict(.unknown, .retryable)
        default: ErrorVerdict(.unknown, facts.isTransient ? .retryable : .permanent)
        }
    }

    /// Returns the verdict on an answer that is not WhatsApp's, or of which only the status could be read.
    private static func foreign(_ facts: RefusalFacts) -> ErrorVerdict {
        let isPage = facts.contentType == "text/html"
        return switch facts.httpStatus ?? 400 {
        // Something behind the page may have taken the message.
        case 200..<300: ErrorVerdict(.sender, .ambiguous, .addressOrProxy)
        case 300..<400: ErrorVerdict(.sender, .systemic, .address)
        case 401: ErrorVerdict(.sender, .systemic, .token)
        case 403, 501, 511: ErrorVerdict(.sender, .systemic, .addressOrProxy)
        case 404, 405, 410, 421: ErrorVerdict(.sender, .systemic, .number)
        case 407: ErrorVerdict(.sender, .systemic, .proxy)
        // The server did not process the request.
        case 408, 425: ErrorVerdict(.unknown, .retryable)
        case 429: ErrorVerdict(.sender, .rateLimit)
        // This request is too long, which others need not be.
        case 413, 414, 431: ErrorVerdict(.unknown, .permanent)
        case 502, 504: ErrorVerdict(.unknown, .ambiguous)
        case 500...599: ErrorVerdict(.unknown, .retryable)
        default: isPage ? ErrorVerdict(.sender, .systemic, .addressOrProxy) : ErrorVerdict(.unknown, .permanent)
        }
    }
}

extension SendAnswer {
    /// Makes the answer for an error of WhatsApp.
    static func refused(_ facts: RefusalFacts, message: String, retryAfter: Duration?) -> SendAnswer {
        let verdict = ErrorVerdict(facts)
        return .refused(
            Refusal(
                errorClass: verdict.errorClass,
                scope: verdict.scope,
                hint: verdict.hint,
                httpStatus: facts.httpStatus ?? 0,
                code: facts.code,
                message: message,
                retryAfter: retryAfter
            )
        )
    }
}

extension MessageOutcome.Failure {
    /// Makes the failure that a report tells.
    init(reported facts: RefusalFacts, code: String, message: String) {
        let verdict = ErrorVerdict(facts)
        self.init(code: code, message: message, scope: verdict.scope, errorClass: verdict.errorClass)
    }
}
