internal import CLibPQ

/// A finished result of libpq, freed with the last row that uses it.
///
/// Unchecked because of the pointer: libpq never changes a finished result, so any thread may read it.
@safe final class ResultHandle: @unchecked Sendable {
    private let result: OpaquePointer

    init(_ result: OpaquePointer) {
        unsafe self.result = unsafe result
    }

    deinit {
        unsafe PQclear(result)
    }

    var status: ExecStatusType { unsafe PQresultStatus(result) }
    var rowCount: Int { Int(unsafe PQntuples(result)) }
    var columnCount: Int { Int(unsafe PQnfields(result)) }

    /// The tag of the command, such as `COMMIT` or `UPDATE 3`.
    var tag: String { unsafe PQcmdStatus(result).map { unsafe String(cString: $0) } ?? "" }

    /// Rows inserted, updated, deleted or selected; 0 for commands that touch none.
    var affectedRows: Int {
        Int(unsafe PQcmdTuples(result).map { unsafe String(cString: $0) } ?? "") ?? 0
    }

    func columnName(_ column: Int) -> String {
        unsafe PQfname(result, Int32(column)).map { unsafe String(cString: $0) } ?? ""
    }

    func columnType(_ column: Int) -> PostgresType {
        PostgresType(oid: unsafe PQftype(result, Int32(column)))
    }

    func isNull(row: Int, column: Int) -> Bool {
        unsafe PQgetisnull(result, Int32(row), Int32(column)) != 0
    }

    /// Reads one cell in place; the bytes live as long as `self`, which outlives the call.
    func decode<Value: PostgresDecodable>(
        row: Int,
        column: Int,
        type: PostgresType
    ) throws(PostgresDecodingFailure) -> Value {
        let start = unsafe PQgetvalue(result, Int32(row), Int32(column))
        let count = Int(unsafe PQgetlength(result, Int32(row), Int32(column)))
        let bytes = unsafe UnsafeRawBufferPointer(start: start, count: count)
        return try unsafe Value.decode(bytes.bytes, type: type)
    }

    /// The server's error, or `nil` when libpq itself gave up and there is only a message.
    var serverError: PostgresServerError? {
        guard let sqlState = field("C") else { return nil }
        return PostgresServerError(
            severity: field("V") ?? field("S") ?? "ERROR",
            sqlState: sqlState,
            message: field("M") ?? "",
            detail: field("D"),
            hint: field("H"),
            schema: field("s"),
            table: field("t"),
            column: field("c"),
            constraint: field("n"),
            position: field("P").flatMap { Int($0) },
            routine: field("R")
        )
    }

    /// The message of libpq about a failure.
    var message: String {
        unsafe PQresultErrorMessage(result).map { unsafe String(cString: $0) } ?? ""
    }

    private func field(_ code: Unicode.Scalar) -> String? {
        unsafe PQresultErrorField(result, Int32(code.value)).map { unsafe String(cString: $0) }
    }
}

/// Names and types of a result's columns; shared by all results of one prepared statement.
final class ResultColumns: Sendable {
    let names: [String]
    let types: [PostgresType]

    init(of result: ResultHandle) {
        names = (0..<result.columnCount).map(result.columnName)
        types = (0..<result.columnCount).map(result.columnType)
    }

    /// Returns the place of a column; if two have the same name, the first counts.
    func index(of name: String) -> Int? {
        // A result has few columns: comparing names is faster than hashing.
        let length = name.utf8.count
        for index in names.indices where names[index].utf8.count == length && names[index] == name { return index }
        return nil
    }
}
