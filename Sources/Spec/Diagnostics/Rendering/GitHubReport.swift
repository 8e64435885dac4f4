/// Diagnostics in the forms that a step of a GitHub workflow writes.
public struct GitHubReport: Sendable {
    /// Workflow commands for standard output, each ending in a newline.
    public let annotations: String
    /// Markdown for the file at `$GITHUB_STEP_SUMMARY`; empty if there is nothing to tell.
    public let stepSummary: String
    /// For the file at `$GITHUB_OUTPUT`: `valid`, `errors` and `warnings`.
    public let outputs: [(name: String, value: String)]
}
