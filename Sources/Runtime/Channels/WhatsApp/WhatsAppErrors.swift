/// The error codes of WhatsApp by what they mean for delivery.
///
/// Codes and meanings are those of the Cloud API's error reference (2026). A code that is not listed there is permanent
/// for the recipient, so one unknown answer never pauses or repeats anything.
extension ErrorClass {
    /// Returns the class of an error code; `nil` when the code says nothing by itself.
    init?(code: Int) {
        switch code {
        case 4, 80007, 130429, 131048, 131057: self = .rateLimit
        case 131056: self = .pairRateLimit
        case 1, 2, 131000, 131016, 133004, 134101, 134102: self = .retryable
        case 0, 3, 10, 200...299, 33, 190, 368: self = .systemic
        case 131005, 131031, 131037, 131042, 131045, 131063, 131064, 133010, 134011: self = .systemic
        case 132001, 132007, 132015, 132016, 132018, 132068, 132069, 131053, 131055, 134100: self = .systemic
        case 100, 130403, 130472, 130497, 131008, 131009, 131021, 131026, 131030, 131047: self = .permanent
        case 131049...131052, 131062, 132000, 132005, 132008, 132012, 135000, 137000: self = .permanent
        default: return nil
        }
    }

    /// Returns the class of an answer without a known code.
    init(httpStatus: Int) {
        switch httpStatus {
        case 429: self = .rateLimit
        case 500, 503: self = .retryable
        case 401: self = .systemic
        case 502, 504: self = .ambiguous
        case 505...599: self = .retryable
        default: self = .permanent
        }
    }
}

extension SendAnswer {
    /// Makes the answer for an error of WhatsApp.
    ///
    /// The code decides; the HTTP status only when there is no code, because Meta sends the same code with different
    /// statuses.
    static func refused(httpStatus: Int, code: Int?, message: String, retryAfter: Duration?) -> SendAnswer {
        .refused(
            Refusal(
                errorClass: code.flatMap(ErrorClass.init(code:)) ?? ErrorClass(httpStatus: httpStatus),
                httpStatus: httpStatus,
                code: code,
                message: message,
                retryAfter: retryAfter
            )
        )
    }
}
