/// How the bytes of a COPY are to be read.
public enum PostgresCopyFormat: Sendable {
    /// Tabs between columns, one row a line, `\N` for NULL, backslash escapes.
    case text
    /// RFC 4180 without a header line; an empty unquoted field is NULL.
    case csv

    var sql: String {
        switch self {
        case .text: "text"
        case .csv: "csv"
        }
    }
}
