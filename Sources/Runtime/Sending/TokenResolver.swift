import Foundation
import Spec

/// Finds the access token that a sender's reference names.
///
/// Tokens are read when they are needed and kept nowhere.
package struct TokenResolver: Sendable {
    private let environment: [String: String]

    package init(environment: [String: String]) {
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

    /// What can stand in a header; a line break at the end is what editors and secret stores add.
    private static func token(_ text: String, from place: String) throws(TokenError) -> AccessToken {
        let value = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !value.isEmpty else { throw TokenError(problem: "\(place) is empty") }
        guard value.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw TokenError(problem: "\(place) holds a blank, a line break or another character that no token has")
        }
        return AccessToken(value: value)
    }
}

/// A token that cannot be had.
struct TokenError: Error, Hashable, CustomStringConvertible {
    let problem: String
    var description: String { "no access token: \(problem)" }
}
