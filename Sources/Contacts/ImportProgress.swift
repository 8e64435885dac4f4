/// How far an import is.
public struct ImportProgress: Hashable, Sendable {
    /// Bytes of the file read so far.
    public var bytesRead = 0
    /// The size of the file in bytes; `nil` when it has none, such as a pipe.
    public var totalBytes: Int?
    /// Good rows read so far.
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

    /// From 0 to 1, reading and merging being half of the work each; `nil` when it cannot be told.
    public var fraction: Double? {
        if let staged { return staged == 0 ? 1 : 0.5 + 0.5 * Double(min(merged, staged)) / Double(staged) }
        guard let totalBytes, totalBytes > 0 else { return nil }
        return 0.5 * Double(min(bytesRead, totalBytes)) / Double(totalBytes)
    }
}
