import JSON

/// A right of an access token within its tenant.
public enum AccessScope: String, CaseIterable, Sendable {
    /// Reads everything, with masked phone numbers.
    case read
    /// Acts on campaigns: launches, pauses, resumes, cancels and repeats them, and reports events. Includes ``read``.
    case operate
    /// Changes campaigns, templates, contacts and consent. Includes all others.
    case admin
    /// Shows phone numbers and other ids of people unmasked.
    case contacts
}

/// The rights of an access token.
public struct AccessScopes: Hashable, Sendable {
    private let words: Set<AccessScope>

    public init(_ words: Set<AccessScope>) {
        self.words = words
    }

    /// All rights, as tokens without a claim of scopes have them.
    public static let all = AccessScopes([.admin])

    /// Reads the claim of a token: words with blanks between, or a list of texts; words of others are left out.
    init(claim: JSONValue) {
        let texts = claim.arrayValue?.compactMap(\.stringValue) ?? claim.stringValue.map { [$0] } ?? []
        let words = texts.flatMap { $0.split(whereSeparator: \.isWhitespace) }
        self.init(Set(words.compactMap { AccessScope(rawValue: String($0)) }))
    }

    /// True if the claim had none of our words: such a token has no right at all.
    public var isEmpty: Bool { words.isEmpty }

    /// The rights, in the order of ``AccessScope``.
    public var allowed: [AccessScope] { AccessScope.allCases.filter(allows) }

    /// Returns true if the token has a right, by its own word or by one that includes it.
    public func allows(_ scope: AccessScope) -> Bool {
        if words.contains(.admin) { return true }
        return words.contains(scope) || (scope == .read && words.contains(.operate))
    }
}
