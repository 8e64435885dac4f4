/// Rows of a CSV file (RFC 4180) that a spreadsheet opens as text, not as formulas.
enum CSVText {
    /// One line, with its end.
    static func line(_ cells: [String]) -> String {
        cells.map(cell).joined(separator: ",") + "\r\n"
    }

    /// What formulas begin with; spreadsheets of Asia take the wide forms too.
    private static let beginnings = "=+-@\t\r\n＝＋－＠".unicodeScalars

    /// A cell that begins like a formula gets an apostrophe in front, which spreadsheets take for "this is text".
    private static func cell(_ text: String) -> String {
        let isFormula = text.unicodeScalars.first.map(beginnings.contains) ?? false
        let safe = isFormula ? "'" + text : text
        guard safe.unicodeScalars.contains(where: { ",\"\r\n".unicodeScalars.contains($0) }) else { return safe }
        return "\"" + safe.replacing("\"", with: "\"\"") + "\""
    }
}
