/// Puts the paths of fields together, such as `conditions[0].value`.
enum FieldPath {
    private static let suffixes = (0..<64).map { "[\($0)]" }

    /// The path of an item of a list.
    static func item(_ index: Int, of list: String) -> String {
        index < suffixes.count ? list + suffixes[index] : "\(list)[\(index)]"
    }
}
