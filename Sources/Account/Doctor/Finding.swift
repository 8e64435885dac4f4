package import JSON

/// The result of one check of a set-up.
package struct Finding: Sendable, Equatable {
    /// The things that are checked, in the order in which they are shown.
    package enum Check: String, Sendable, CaseIterable {
        case token, rights, expiry, account, reading, number, limit, subscription, address, secret, verification, wayIn,
            templates
        case submissions, daemon, clock
    }

    package enum Verdict: String, Sendable, CaseIterable {
        case ok, warn, fail, unknown
    }

    package let check: Check
    /// The thing that it is about, such as an account or a number.
    package let subject: String
    package let verdict: Verdict
    /// The facts, for people.
    package let seen: String
    /// The thing to do; `nil` if there is nothing to do.
    package let remedy: String?

    package init(_ check: Check, _ subject: String, _ verdict: Verdict, _ seen: String, remedy: String? = nil) {
        (self.check, self.subject, self.verdict, self.seen, self.remedy) = (check, subject, verdict, seen, remedy)
    }

    package var json: JSONValue {
        var fields: [String: JSONValue] = [
            "check": .string(check.rawValue), "subject": .string(subject), "verdict": .string(verdict.rawValue),
            "seen": .string(seen),
        ]
        fields["remedy"] = remedy.map(JSONValue.string)
        return .object(fields)
    }
}
