/// Names and types of a result's columns; shared by all results of one prepared statement.
final class ResultColumns: Sendable {
    let names: [String]
    let types: [PostgresType]
    private let indices: [String: Int]

    init(of result: ResultHandle) {
        names = (0..<result.columnCount).map(result.columnName)
        types = (0..<result.columnCount).map(result.columnType)
        // Of two columns with one name the first counts.
        indices = Dictionary(zip(names, names.indices), uniquingKeysWith: { first, _ in first })
    }

    func index(of name: String) -> Int? {
        indices[name]
    }
}
