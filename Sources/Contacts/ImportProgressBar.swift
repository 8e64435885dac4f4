import Spelling

/// The line that shows an import's progress on a terminal.
///
/// Print it with a carriage return before it; anywhere but on a terminal, leave it out.
///
/// ```
/// reading  [############------------]  50.0 %  480,000 rows
/// ```
public struct ImportProgressBar: Sendable {
    private let width: Int

    /// Makes a bar.
    ///
    /// - Parameter width: Columns of the terminal; the line is never longer.
    public init(width: Int = 80) {
        self.width = width
    }

    /// The line for a state, as wide as the bar was made, so that it covers the line before.
    public func line(_ progress: ImportProgress) -> String {
        let isMerging = progress.staged != nil
        let label = isMerging ? "merging" : "reading"
        let rows = "\((isMerging ? progress.merged : progress.rows).grouped) rows"
        var text = label
        if let fraction = progress.fraction {
            let percent = NumberText.percent(fraction).leftPadded(to: 7)
            let room = min(40, width - label.count - rows.count - percent.count - 7)
            if room >= 5 {
                let filled = Int(fraction * Double(room))
                text += "  [\(String(repeating: "#", count: filled))\(String(repeating: "-", count: room - filled))]"
            }
            text += " \(percent)"
        }
        text += "  " + rows
        return String(text.prefix(width)) + String(repeating: " ", count: max(0, width - text.count))
    }
}
