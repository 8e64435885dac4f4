/// Why nothing of a file was imported.
public enum ContactImportError: Error, Equatable, CustomStringConvertible {
    case tenant(String)
    case unreadable(file: String, reason: String)
    case empty(file: String)
    case header(file: String, problems: [String])

    public var description: String {
        switch self {
        case .tenant(let name):
            "`\(name)` is not a tenant: use up to 50 letters a-z, digits and hyphens, not beginning with a hyphen"
        case .unreadable(let file, let reason):
            "cannot read \(file): \(reason)"
        case .empty(let file):
            "\(file) is empty; its first line must name the columns, such as contactId,name,tags"
        case .header(let file, let problems):
            problems.map { "\(file):1: \($0)" }.joined(separator: "\n")
        }
    }
}
