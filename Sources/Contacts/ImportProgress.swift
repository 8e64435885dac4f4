import Spelling

/// The progress of an import.
public struct ImportProgress: Hashable, Sendable {
    /// Bytes of the file read so far.
    public var bytesRead = 0
    /// Size of the file in bytes; `nil` for a pipe.
    public var totalBytes: Int?
    /// Valid rows read so far.
    public var rows = 0
    /// Rows merged into the contacts; zero until the whole file has been read.
    public var merged = 0
    /// The rows to merge; `nil` until the whole file has been read.
    public var staged: Int?

    public init(bytesRead: Int = 0, totalBytes: Int? = nil, rows: Int = 0, merged: Int = 0, staged: Int? = nil) {
        self.bytesRead = bytesRead
        self.totalBytes = totalBytes
        self.rows = rows
        self.merged = merged
        self.staged = staged
    }

    /// From 0 to 1, where reading and merging are half each; `nil` if it is unknown.
    public var fraction: Double? {
        if let staged { return staged == 0 ? 1 : 0.5 + 0.5 * Double(min(merged, staged)) / Double(staged) }
        guard let totalBytes, totalBytes > 0 else { return nil }
        return 0.5 * Double(min(bytesRead, totalBytes)) / Double(totalBytes)
    }
}

/// The line that shows the progress of an import on a terminal.
///
/// Print it after a carriage return, and only to a terminal.
///
/// ```
/// reading  [############------------]  50.0 %  480,000 rows
/// ```
public struct ImportProgressBar: Sendable {
    private let width: Int

    /// Creates a bar.
    ///
    /// - Parameter width: Columns of the terminal; the line is never longer.
    public init(width: Int = 80) {
        self.width = width
    }

    /// Returns the line, padded to the width of the bar so that it covers the previous one.
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
