import Foundation
import Spec

/// Finds the access token that a sender's reference names.
///
/// Tokens are read when they are needed and kept nowhere.
struct TokenResolver: Sendable {
    private let environment: [String: String]

    init(environment: [String: String]) {
        self.environment = environment
    }

    /// The token behind `env:NAME` or `file:/path`.
    ///
    /// - Throws: ``TokenError``, which names the reference and never a value.
    func token(for reference: String) throws(TokenError) -> AccessToken {
        let parts = reference.split(separator: ":", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { throw TokenError(problem: "`\(reference)` is no reference: use env: or file:") }
        switch parts[0] {
        case "env":
            guard let value = environment[parts[1]], !value.isEmpty else {
                throw TokenError(problem: "the environment variable \(parts[1]) is not set; start the daemon with it")
            }
            return AccessToken(value: value)
        case "file":
            let text: String
            do {
                text = try String(contentsOfFile: parts[1], encoding: .utf8)
            } catch {
                throw TokenError(problem: "the file \(parts[1]) cannot be read: \(error.localizedDescription)")
            }
            let value = text.trimmingCharacters(in: .whitespacesAndNewlines)
            guard !value.isEmpty else { throw TokenError(problem: "the file \(parts[1]) is empty") }
            return AccessToken(value: value)
        default:
            throw TokenError(problem: "`\(reference)` is no reference: use env: or file:")
        }
    }
}

/// A token that cannot be had.
struct TokenError: Error, Hashable, CustomStringConvertible {
    let problem: String
    var description: String { "no access token: \(problem)" }
}
