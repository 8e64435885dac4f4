/// Who sends a request, as its access token says.
public struct Caller: Hashable, Sendable {
    /// Whose data it may see; every look-up is bound to it.
    public let tenantID: String
    /// The user or the program.
    public let subject: String
}
