/// Who sends a request, as its access token says.
struct Caller: Hashable, Sendable {
    /// Whose data it may see; every look-up is bound to it.
    let tenantID: String
    /// The user or the program.
    let subject: String
}
