/// The longest time that statements of a task may take, whatever deadline their own code gives them.
///
/// A repository does not know who waits for it: a reconcile may wait for minutes, a page for two seconds. The caller says so,
/// for the statements of its task and of child tasks. COMMIT keeps its own deadline, because its outcome must be known.
///
/// ```swift
/// let rows = try await StatementLimit.$current.withValue(.seconds(2)) { try await contacts.list(tenant: tenant) }
/// ```
public enum StatementLimit {
    /// The limit; `nil` leaves statements their own deadlines.
    @TaskLocal public static var current: Duration?

    /// Returns the shorter one of a deadline and the limit of the task.
    static func bounding(_ deadline: Duration) -> Duration { current.map { min($0, deadline) } ?? deadline }
}
