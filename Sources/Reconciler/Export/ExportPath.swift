/// Where exported specs may be written.
public enum ExportPath {
    /// Whether a path that stands in a row leads to a spec file within a tenant's folder: `acme/offers/spring.yaml`.
    public static func isInside(_ path: String) -> Bool {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count >= 2, path.hasSuffix(".yaml") || path.hasSuffix(".yml") else { return false }
        // Hidden entries would not be read back, and `..` is one of them.
        return parts.allSatisfy { !$0.isEmpty && !$0.hasPrefix(".") && !$0.contains("\0") }
    }
}
