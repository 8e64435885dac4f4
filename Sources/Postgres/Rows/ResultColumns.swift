/// Names and types of a result's columns; shared by all results of one prepared statement.
final class ResultColumns: Sendable {
    let names: [String]
    let types: [PostgresType]

    init(of result: ResultHandle) {
        names = (0..<result.columnCount).map(result.columnName)
        types = (0..<result.columnCount).map(result.columnType)
    }

    /// The place of a column; of two with one name the first counts.
    func index(of name: String) -> Int? {
        // A result has few columns: this is sooner done than to hash the name.
        let length = name.utf8.count
        for index in names.indices where names[index].utf8.count == length && names[index] == name { return index }
        return nil
    }
}
