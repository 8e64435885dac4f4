import Foundation

/// What stands behind the question mark, decoded strictly.
enum QueryString {
    /// The names and values in their order.
    ///
    /// - Throws: ``Problem`` for escapes that are no UTF-8.
    static func parse(_ query: String?) throws(Problem) -> [(name: String, value: String)] {
        var values: [(name: String, value: String)] = []
        for part in (query ?? "").split(separator: "&") {
            let pieces = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = decoded(pieces[0]), let value = decoded(pieces.count == 2 ? pieces[1] : "") else {
                throw Problem(.invalidParameter, "the query has an escape that is not UTF-8")
            }
            values.append((name, value))
        }
        return values
    }

    private static func decoded(_ text: Substring) -> String? {
        text.replacing("+", with: " ").removingPercentEncoding
    }
}
