import AccessTokens
import HTTPTypes
import JSON
import Spec

/// An error as callers see it (RFC 9457).
///
/// `code` is for programs and never changes its meaning; `detail` is for people. It contains only texts that were
/// written for callers: no statement, no path, no message of an internal error.
struct Problem: Error, Hashable, Sendable, CustomStringConvertible {
    /// Stable names of errors, each with its HTTP status.
    enum Code: String, CaseIterable, Sendable {
        case malformedRequest = "malformed_request"
        case malformedJSON = "malformed_json"
        case invalidParameter = "invalid_parameter"
        case unauthorized
        case forbidden
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
        case tooSlow = "too_slow"
        case unavailable
        case authenticationNotConfigured = "auth_not_configured"

        var status: HTTPResponse.Status {
            switch self {
            case .malformedRequest, .malformedJSON, .invalidParameter: .badRequest
            case .unauthorized: .unauthorized
            case .forbidden: .forbidden
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
            case .tooSlow, .unavailable, .authenticationNotConfigured: .serviceUnavailable
            }
        }
    }

    static let mediaType = "application/problem+json"

    let code: Code
    let detail: String
    var errors: [FieldProblem] = []
    /// The state that prevents the request, such as `completed`.
    var currentStatus: String?
    var headers: HTTPFields = [:]

    init(_ code: Code, _ detail: String) {
        self.code = code
        self.detail = detail
    }

    var description: String { "\(code.rawValue): \(detail)" }

    /// Returns the body of the answer.
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
    /// The text as an answer shows it, shortened and without NUL: names of fields come from the request.
    var shown: String {
        let isShort = utf8.count <= 10_000 || unicodeScalars.count <= 10_000
        let text = isShort ? self : String(String.UnicodeScalarView(unicodeScalars.prefix(9_999))) + "…"
        return text.replacing("\0", with: "\u{FFFD}")
    }
}

extension Problem {
    static let authenticationNotConfigured = Problem(
        .authenticationNotConfigured,
        "the daemon has no keys to verify access tokens; set JWT_SECRET, JWT_PUBLIC_KEY_FILE, JWKS_FILE, JWKS_URL or "
            + "OIDC_ISSUER"
    )

    /// Answers a token whose issuer could not be asked for its keys.
    static let noKeys: Problem = {
        var problem = Problem(
            .unavailable,
            "the keys of the access token's issuer could not be fetched yet; try again"
        )
        problem.headers[.retryAfter] = "30"
        return problem
    }()

    /// Answers a person who has signed in, and belongs to no tenant.
    static func withoutTenant(_ claim: String) -> Problem {
        Problem(
            .forbidden,
            "this account belongs to no tenant: its identity provider must give the claim `\(claim.prefix(100))` with the "
                + "name of one"
        )
    }

    /// Answers a caller whose tenant lies in another cell than the daemon serves.
    static func inAnotherCell(_ tenant: String) -> Problem {
        Problem(
            .forbidden,
            "the tenant `\(tenant.prefix(50))` lies in another cell than this daemon serves; call a daemon of its cell"
        )
    }

    /// Answers a read that was stopped: it reads too much, or the database is busy or locked.
    ///
    /// - Parameters:
    ///   - limit: The longest time of its statements.
    ///   - remedy: What else the caller may do, as an infinitive.
    /// - Returns: The answer, 503.
    static func tooSlow(_ limit: Duration, _ remedy: String?) -> Problem {
        var problem = Problem(
            .tooSlow,
            "the database took longer than \(limit) to read this; try again later" + (remedy.map { ", or \($0)" } ?? "")
        )
        problem.headers[.retryAfter] = "5"
        return problem
    }

    /// Gives the same answer for every defect of a token; the log has the reason.
    static func unauthorized(isTokenGiven: Bool) -> Problem {
        var problem = Problem(.unauthorized, "a valid access token is needed: Authorization: Bearer <token>")
        problem.headers[.wwwAuthenticate] =
            isTokenGiven ? #"Bearer realm="campaigns", error="invalid_token""# : #"Bearer realm="campaigns""#
        return problem
    }

    /// Answers a valid token without a scope that the request needs.
    ///
    /// - Parameters:
    ///   - scope: The missing scope.
    ///   - purpose: What needs it, after "to"; `nil` for the address itself.
    /// - Returns: The answer, 403.
    static func forbidden(_ scope: AccessScope, to purpose: String? = nil) -> Problem {
        let end = purpose.map { " to \($0)" } ?? ""
        var problem = Problem(.forbidden, "the access token needs the scope `\(scope.rawValue)`\(end)")
        problem.headers[.wwwAuthenticate] =
            #"Bearer realm="campaigns", error="insufficient_scope", scope="\#(scope.rawValue)""#
        return problem
    }

    /// Answers a valid token whose claim of scopes has none of our words.
    static let forbiddenWithoutScopes: Problem = {
        let words = AccessScope.allCases.map(\.rawValue).joined(separator: ", ")
        var problem = Problem(
            .forbidden,
            "the scopes of the access token give no rights here; one of these is needed: \(words)"
        )
        problem.headers[.wwwAuthenticate] = #"Bearer realm="campaigns", error="insufficient_scope""#
        return problem
    }()

    /// Makes the answer to a request for an unknown object, or for one of another tenant.
    static func notFound(_ noun: String) -> Problem {
        Problem(.notFound, "no such \(noun)")
    }

    /// Answers a tenant over its rate limit.
    static func tooMany(_ what: String, _ wait: Duration) -> Problem {
        var problem = Problem(
            .tooManyRequests,
            "the tenant sends too many \(what); wait for the seconds in `Retry-After`"
        )
        problem.headers[.retryAfter] = String(max(1, wait.components.seconds + 1))
        return problem
    }

    static func invalid(_ errors: [FieldProblem]) -> Problem {
        let texts = errors.map { $0.field.isEmpty ? $0.message : "\($0.field): \($0.message)" }
        let first = texts.first ?? "a field is wrong"
        let more = errors.count > 1 ? " (and \(errors.count - 1) more)" : ""
        var problem = Problem(.invalidFields, first + more)
        // A longer list would only make the answer large.
        problem.errors = Array(errors.prefix(100))
        return problem
    }

    static func invalid(_ field: String, _ message: String) -> Problem {
        invalid([FieldProblem(field, message)])
    }

    static func parameter(_ name: String, _ message: String) -> Problem {
        var problem = Problem(.invalidParameter, "\(name): \(message)")
        problem.errors = [FieldProblem(name, message)]
        return problem
    }

    static func conflict(_ code: Code = .stateConflict, status: String? = nil, _ detail: String) -> Problem {
        var problem = Problem(code, detail)
        problem.currentStatus = status
        return problem
    }
}

/// An error in one field of a request.
struct FieldProblem: Hashable, Sendable {
    /// The path of the field: `audienceFilter.conditions[0].value`.
    let field: String
    /// The error, and what to do about it.
    let message: String

    init(_ field: String, _ message: String) {
        self.field = field
        self.message = message
    }

    /// Returns the same error with its path below another field.
    func below(_ path: String) -> FieldProblem {
        guard !path.isEmpty else { return self }
        if field.isEmpty { return FieldProblem(path, message) }
        return FieldProblem(field.hasPrefix("[") ? path + field : "\(path).\(field)", message)
    }

    var json: JSONValue { ["field": .string(field.shown), "message": .string(message.shown)] }

    /// Converts errors of the readers of specs, which have the same fields.
    static func all(of error: SpecError, below path: String) -> [FieldProblem] {
        error.diagnostics.filter { $0.severity == .error }.map { diagnostic in
            // The readers name the kind of the spec that needs the field, which callers do not know.
            if diagnostic.code == .missingField {
                return FieldProblem(diagnostic.field ?? "", "is missing").below(path)
            }
            let help = diagnostic.help.map { "; \($0)" } ?? ""
            return FieldProblem(diagnostic.field ?? "", diagnostic.message + help).below(path)
        }
    }
}
