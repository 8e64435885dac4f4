import AccessTokens
import JSON
import Spec

/// Hides who people are from tokens without the scope `contacts`.
enum ContactMask {
    /// Hides the middle of a number or id, so that a known contact can be recognised but not called.
    static func hidden(_ id: String) -> String {
        guard id.count > 8 else { return String(repeating: "•", count: id.count) }
        return id.prefix(4) + String(repeating: "•", count: id.count - 6) + id.suffix(2)
    }

    /// Refuses a filter that asks for numbers or addresses, which would find out what is hidden.
    ///
    /// - Throws: ``Problem`` that names the missing scope.
    static func check(_ filter: AudienceFilter, for caller: Caller) throws(Problem) {
        guard !caller.scopes.allows(.contacts), let field = filter.personalField else { return }
        throw .forbidden(.contacts, to: "filter by `\(field)`")
    }
}

extension APICall {
    /// Hides an id of a person, unless the token may see it.
    func shown(_ id: String) -> String {
        caller.scopes.allows(.contacts) ? id : ContactMask.hidden(id)
    }
}

extension AudienceFilter {
    /// The first field of a condition that tells people apart; `nil` if there is none.
    fileprivate var personalField: String? {
        switch self {
        case .group(_, let members): members.lazy.compactMap(\.personalField).first
        case .not(let filter): filter.personalField
        case .condition(let condition):
            switch (condition.field, condition.check) {
            case (_, .isNull), (_, .isNotNull): nil
            case (.contact(.contactId), _), (.contact(.email), _), (.contact(.pin), _): condition.field.description
            default: nil
            }
        }
    }
}
