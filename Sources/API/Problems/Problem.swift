import HTTPTypes
import JSON
import Spec

/// An answer that says what went wrong (RFC 9457).
///
/// `code` is for programs and never changes its meaning; `detail` is for people. Nothing in it comes from inside the
/// system: no statement, no path, no text of an error that was not written for callers.
struct Problem: Error, Hashable, Sendable {
    /// The stable names of what can go wrong, with the status of each.
    enum Code: String, CaseIterable, Sendable {
        case malformedRequest = "malformed_request"
        case malformedJSON = "malformed_json"
        case invalidParameter = "invalid_parameter"
        case unauthorized
        case notFound = "not_found"
        case methodNotAllowed = "method_not_allowed"
        case stateConflict = "state_conflict"
        case managedBySpec = "managed_by_spec"
        case protected
        case inUse = "in_use"
        case nameTaken = "name_taken"
        case notReady = "not_ready"
        case quotaExhausted = "quota_exhausted"
        case insufficientBalance = "insufficient_balance"
        case policyViolated = "policy_violated"
        case bodyTooLarge = "body_too_large"
        case unsupportedMediaType = "unsupported_media_type"
        case invalidFields = "invalid_fields"
        case tooManyRequests = "too_many_requests"
        case internalError = "internal_error"
        case unavailable
        case authenticationNotConfigured = "auth_not_configured"

        var status: HTTPResponse.Status {
            switch self {
            case .malformedRequest, .malformedJSON, .invalidParameter: .badRequest
            case .unauthorized: .unauthorized
            case .notFound: .notFound
            case .methodNotAllowed: .methodNotAllowed
            case .stateConflict, .managedBySpec, .protected, .inUse, .nameTaken, .notReady, .quotaExhausted,
                .insufficientBalance, .policyViolated:
                .conflict
            case .bodyTooLarge: .contentTooLarge
            case .unsupportedMediaType: .unsupportedMediaType
            case .invalidFields: .unprocessableContent
            case .tooManyRequests: .tooManyRequests
            case .internalError: .internalServerError
            case .unavailable, .authenticationNotConfigured: .serviceUnavailable
            }
        }
    }

    static let mediaType = "application/problem+json"

    let code: Code
    let detail: String
    var errors: [FieldProblem] = []
    /// The state that stands in the way, such as `completed`.
    var currentStatus: String?
    var headers: HTTPFields = [:]

    init(_ code: Code, _ detail: String) {
        self.code = code
        self.detail = detail
    }

    /// The body of the answer.
    func json(requestID: String) -> JSONValue {
        var fields: [String: JSONValue] = [
            "type": "about:blank", "title": .string(code.status.reasonPhrase),
            "status": .integer(code.status.code), "code": .string(code.rawValue), "detail": .string(detail.shown),
            "requestId": .string(requestID),
        ]
        if !errors.isEmpty { fields["errors"] = .array(errors.map(\.json)) }
        fields["currentStatus"] = currentStatus.map(JSONValue.string)
        return .object(fields)
    }
}

extension String {
    /// What an answer shows of it: requests call their fields what they like, and at any length.
    var shown: String {
        let isShort = utf8.count <= 10_000 || unicodeScalars.count <= 10_000
        let text = isShort ? self : String(String.UnicodeScalarView(unicodeScalars.prefix(9_999))) + "…"
        return text.replacing("\0", with: "\u{FFFD}")
    }
}
