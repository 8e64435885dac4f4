import HTTPTypes
import Spec

extension Problem {
    static let authenticationNotConfigured = Problem(
        .authenticationNotConfigured,
        "this server has no keys to check access tokens with; set JWT_SECRET, JWT_PUBLIC_KEY_FILE or JWKS_FILE"
    )

    /// Says the same whatever is wrong with a token: a caller with a good one needs no more, another deserves none.
    static func unauthorized(isTokenGiven: Bool) -> Problem {
        var problem = Problem(.unauthorized, "a valid access token is needed: Authorization: Bearer <token>")
        problem.headers[.wwwAuthenticate] =
            isTokenGiven ? #"Bearer realm="campaigns", error="invalid_token""# : #"Bearer realm="campaigns""#
        return problem
    }

    /// Another tenant's things are not there either.
    static func notFound(_ what: String) -> Problem {
        Problem(.notFound, "there is no such \(what)")
    }

    /// There were too many requests, or whatever else is counted.
    static func tooMany(_ what: String, _ wait: Duration) -> Problem {
        var problem = Problem(.tooManyRequests, "the tenant sends more \(what) than are allowed; wait a moment")
        problem.headers[.retryAfter] = String(max(1, wait.components.seconds + 1))
        return problem
    }

    static func invalid(_ errors: [FieldProblem]) -> Problem {
        let texts = errors.map { $0.field.isEmpty ? $0.message : "\($0.field): \($0.message)" }
        let first = texts.first ?? "a field is wrong"
        let more = errors.count > 1 ? " (and \(errors.count - 1) more)" : ""
        var problem = Problem(.invalidFields, first + more)
        // A caller reads some of them; the rest would only make the answer large.
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
