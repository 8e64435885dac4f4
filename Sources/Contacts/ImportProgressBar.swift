/// The line that shows an import's progress on a terminal.
///
/// Print it with a carriage return before it; anywhere but on a terminal, leave it out.
///
/// ```
/// reading  [############------------]  50%  480,000 rows
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
            let percent = String(Int(fraction * 100))
            let padded = String(repeating: " ", count: 3 - percent.count) + percent
            let room = min(40, width - label.count - rows.count - 12)
            if room >= 5 {
                let filled = Int(fraction * Double(room))
                text += "  [\(String(repeating: "#", count: filled))\(String(repeating: "-", count: room - filled))]"
            }
            text += " \(padded)%"
        }
        text += "  " + rows
        return String(text.prefix(width)) + String(repeating: " ", count: max(0, width - text.count))
    }
}

extension Int {
    /// The number with a comma between each three digits.
    var grouped: String {
        var text = ""
        for (index, digit) in String(magnitude).reversed().enumerated() {
            if index > 0, index % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return (self < 0 ? "-" : "") + String(text.reversed())
    }
}
