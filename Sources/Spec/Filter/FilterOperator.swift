/// The words for what a condition checks.
public enum FilterOperator: String, Hashable, Sendable, CaseIterable {
    case eq, neq, gt, gte, lt, lte, contains
    case isIn = "in"
    case isNotIn = "not_in"
    case isNull = "is_null"
    case isNotNull = "is_not_null"
    case containsAny = "contains_any"
    case containsAll = "contains_all"

    /// The operators that a type of field allows.
    static func allowed(for field: FilterField) -> [FilterOperator] {
        switch field {
        case .metadata: return texts
        case .contact(let field):
            switch field.type {
            case .text: return texts
            case .integer, .timestamp: return scalars
            case .textList: return lists
            case .boolean, .object: return []
            }
        }
    }

    private static let scalars: [Self] = [.eq, .neq, .gt, .gte, .lt, .lte, .isIn, .isNotIn, .isNull, .isNotNull]
    private static let texts = scalars + [.contains]
    private static let lists: [Self] = [.contains, .containsAny, .containsAll, .isNull, .isNotNull]
}
