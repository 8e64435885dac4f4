/// A table for a terminal or for Markdown.
public struct TextTable: Sendable {
    let head: [String]
    let rows: [[String]]

    public init(head: [String], rows: [[String]]) {
        self.head = head
        self.rows = rows
    }

    /// Aligned columns: the first to the left, the others to the right.
    public var text: String {
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

    /// A Markdown table.
    public var markdown: String {
        let line = "|" + head.indices.map { $0 == 0 ? "---|" : "---:|" }.joined()
        return ([Self.line(head), line] + rows.map(Self.line)).joined(separator: "\n")
    }

    /// Returns one row of a Markdown table.
    public static func line(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |" }
}
