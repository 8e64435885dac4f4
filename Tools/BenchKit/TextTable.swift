/// Columns for a terminal or for Markdown.
struct TextTable: Sendable {
    let head: [String]
    let rows: [[String]]

    /// Columns that line up; what is not in the first one stands to the right.
    var text: String {
        let widths = head.indices.map { column in ([head] + rows).map { $0[column].count }.max() ?? 0 }
        return ([head] + rows).map { row in
            row.enumerated().map { column, cell in
                let space = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 ? cell + space : space + cell
            }
            .joined(separator: "  ")
        }
        .joined(separator: "\n")
    }

    var markdown: String {
        let line = "|" + head.indices.map { $0 == 0 ? "---|" : "---:|" }.joined()
        return ([Self.line(head), line] + rows.map(Self.line)).joined(separator: "\n")
    }

    private static func line(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |" }
}
