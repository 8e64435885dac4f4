/// An error as the real service answers it: a code, a sentence, and the HTTP status that comes with it.
struct GraphError: Error, Hashable, Sendable, CustomStringConvertible {
    let code: Int
    let subcode: Int?
    let status: Int
    let message: String
    let details: String?
    let retryAfterSeconds: Int?
    /// The title and the text for users, which errors of the management side have.
    var userTitle: String?
    var userText: String?

    var description: String { message }

    init(
        code: Int,
        subcode: Int? = nil,
        status: Int? = nil,
        message: String? = nil,
        details: String? = nil,
        retryAfterSeconds: Int? = nil
    ) {
        self.code = code
        self.subcode = subcode
        self.status = status ?? Self.usualStatus(of: code)
        self.message = message ?? "(#\(code)) \(Self.title(of: code))"
        self.details = details
        self.retryAfterSeconds = retryAfterSeconds
    }

    /// Makes the error of a path that the API does not know.
    static func unknownPath(_ path: String) -> GraphError {
        GraphError(code: 2_500, message: "Unknown path components: \(path)")
    }

    /// Makes the error of a path that names no number, or one that the token may not use.
    static func unknownNumber(_ id: String) -> GraphError {
        GraphError(
            code: 100,
            subcode: 33,
            message: "Unsupported post request. Object with ID '\(id)' does not exist, cannot be loaded due to missing "
                + "permissions, or does not support this operation."
        )
    }

    /// The type that comes with the code.
    var type: String { subcode == 33 ? "GraphMethodException" : "OAuthException" }

    static func wrongParameter(_ details: String) -> GraphError { GraphError(code: 100, details: details) }
    static func missing(_ field: String) -> GraphError { GraphError(code: 131_008, details: "'\(field)' is required") }
    static func invalid(_ field: String, _ reason: String) -> GraphError {
        GraphError(code: 131_009, details: "'\(field)' \(reason)")
    }
    static func unauthorized(_ details: String) -> GraphError { GraphError(code: 190, details: details) }

    /// Returns the HTTP status that usually comes with a code; callers of the real service must not rely on it.
    static func usualStatus(of code: Int) -> Int {
        switch code {
        case 0, 190: 401
        case 3, 10, 200...299, 368, 130_403, 131_005, 131_031: 403
        case 2, 131_016, 133_004: 503
        case 4, 80_007, 130_429, 131_048, 131_056: 429
        case 1, 131_000: 500
        default: 400
        }
    }

    /// Returns the title of a code, which `failed` statuses also contain.
    static func title(of code: Int) -> String {
        titles[code] ?? "Error \(code)"
    }

    private static let titles: [Int: String] = [
        0: "Authentication failed", 1: "Unknown request or server error", 2: "Service unavailable",
        4: "Application call limit reached", 10: "Permission missing", 33: "Parameter value is not valid",
        100: "Invalid parameter", 190: "Access token is not valid", 368: "Account restricted for policy",
        80_007: "Account rate limit reached", 130_403: "Recipient is blocked", 130_429: "Rate limit reached",
        130_472: "Recipient is part of an experiment", 130_497: "Country is not allowed",
        131_000: "Something went wrong", 131_005: "Access denied", 131_008: "Required parameter is missing",
        131_009: "Parameter value is not valid", 131_016: "Service unavailable",
        131_021: "Recipient cannot be the sender", 131_026: "Message undeliverable",
        131_030: "Recipient is not on the allowed list", 131_031: "Account locked", 131_042: "Payment problem",
        131_045: "Number registration problem", 131_047: "Customer service window is closed",
        131_048: "Spam rate limit reached", 131_049: "Not delivered to keep the ecosystem healthy",
        131_050: "Recipient stopped marketing messages", 131_051: "Message type is not supported",
        131_053: "Media upload failed", 131_056: "Pair rate limit reached", 131_057: "Account in maintenance mode",
        131_062: "Business-scoped user is not allowed here", 132_000: "Template parameter count does not match",
        132_001: "Template does not exist", 132_005: "Template text is too long",
        132_007: "Template violates policy", 132_008: "Template parameter value does not match",
        132_012: "Template parameter format does not match", 132_015: "Template is paused",
        132_016: "Template is disabled", 132_018: "Template parameters have a problem",
        133_004: "Server temporarily unavailable",
        133_010: "Number is not registered", 134_100: "Template is not a marketing template",
        135_000: "Generic user error",
    ]
}
