/// What a caller thinks of warnings: which ones count as errors, and which ones nobody needs to see.
///
/// A code that is named goes before all warnings together, so that `deniesWarnings` with `allowed: [.ambiguousScalar]`
/// denies all the others. Errors stay errors whatever the policy says.
public struct DiagnosticPolicy: Hashable, Sendable {
    /// Warnings that count as errors.
    public var denied: Set<DiagnosticCode>
    /// Warnings that are left out.
    public var allowed: Set<DiagnosticCode>
    /// Whether every warning counts as an error that is not allowed.
    public var deniesWarnings: Bool

    /// Makes a policy; without arguments, one that changes nothing.
    public init(
        denied: Set<DiagnosticCode> = [],
        allowed: Set<DiagnosticCode> = [],
        deniesWarnings: Bool = false
    ) {
        self.denied = denied
        self.allowed = allowed
        self.deniesWarnings = deniesWarnings
    }

    /// The same diagnostics in the same order, without the allowed ones, and the denied ones as errors.
    public func apply(to diagnostics: [Diagnostic]) -> [Diagnostic] {
        diagnostics.compactMap { diagnostic in
            guard diagnostic.severity == .warning else { return diagnostic }
            if denied.contains(diagnostic.code) { return diagnostic.asError }
            if allowed.contains(diagnostic.code) { return nil }
            return deniesWarnings ? diagnostic.asError : diagnostic
        }
    }
}
