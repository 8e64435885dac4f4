import Foundation

/// Reads the access token that a reference of a sender or an account names, each time it is needed; tokens are not cached.
package struct TokenResolver: Sendable {
    private let environment: [String: String]

    package init(environment: [String: String]) {
        self.environment = environment
    }

    /// Returns the token behind `env:NAME` or `file:/path`.
    ///
    /// - Throws: ``TokenError``, which names the reference and never the token.
    package func token(for reference: String) throws(TokenError) -> AccessToken {
        let parts = reference.split(separator: ":", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { throw TokenError(problem: "`\(reference)` is no reference: use env: or file:") }
        switch parts[0] {
        case "env":
            guard let value = environment[parts[1]], !value.isEmpty else {
                throw TokenError(problem: "the environment variable \(parts[1]) is not set; start the daemon with it")
            }
            return try Self.token(value, from: "the environment variable \(parts[1])")
        case "file":
            let text: String
            do {
                text = try String(contentsOfFile: parts[1], encoding: .utf8)
            } catch {
                throw TokenError(problem: "the file \(parts[1]) cannot be read: \(error.localizedDescription)")
            }
            return try Self.token(text, from: "the file \(parts[1])")
        default:
            throw TokenError(problem: "`\(reference)` is no reference: use env: or file:")
        }
    }

    /// Returns the reason why a reference leads to no usable token; `nil` if it does.
    package func problem(with reference: String) -> String? {
        do {
            _ = try token(for: reference)
            return nil
        } catch {
            return error.problem
        }
    }

    /// Checks that a token fits into a header, after removing the line break that editors and secret stores append.
    private static func token(_ text: String, from place: String) throws(TokenError) -> AccessToken {
        let value = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !value.isEmpty else { throw TokenError(problem: "\(place) is empty") }
        guard value.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw TokenError(problem: "\(place) holds a blank, a line break or another character that no token has")
        }
        return AccessToken(value: value)
    }
}

/// An access token that is missing or unusable.
package struct TokenError: Error, Hashable, CustomStringConvertible {
    package let problem: String
    package var description: String { "no access token: \(problem)" }
}

/// A bearer token that does not show itself in logs.
package struct AccessToken: Hashable, Sendable, CustomStringConvertible {
    package let value: String
    package var description: String { "<token>" }

    package init(value: String) { self.value = value }
}
