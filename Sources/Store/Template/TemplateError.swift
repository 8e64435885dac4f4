/// Why a template cannot be changed as somebody wishes; nothing has happened then.
public enum TemplateError: Error, Hashable, Sendable {
    /// The tenant has no such template.
    case unknown
    /// A file owns it.
    case managed(file: String?)
    case protected
    /// Campaigns are made from it; some of their names.
    case inUse(campaigns: [String])
    /// Another template has the name.
    case nameTaken(String)
}
