internal import Glibc

/// One row of a result.
///
/// ```swift
/// let name: String = try row.decode("name")
/// let finishedAt: Date? = try row.decode("finishedAt")
/// ```
public struct PostgresRow: Sendable {
    let result: ResultHandle
    let columns: ResultColumns
    let index: Int

    /// Reads a column that is never NULL.
    ///
    /// - Parameters:
    ///   - column: The column's place from the left, from 0.
    ///   - type: The type to read it as.
    /// - Returns: The value.
    /// - Throws: ``PostgresError/decoding(_:)`` which names the column, its type and the type asked for.
    public func decode<Value: PostgresDecodable>(
        _ column: Int,
        as type: Value.Type = Value.self
    ) throws(PostgresError) -> Value {
        guard try holdsValue(column) else {
            throw .decoding(
                "column \"\(columns.names[column])\" is NULL, cannot be read as \(type); read it as \(type)?"
            )
        }
        return try value(column)
    }

    /// Reads a column that may be NULL.
    ///
    /// - Parameters:
    ///   - column: The column's place from the left, from 0.
    ///   - type: The type to read it as.
    /// - Returns: The value, `nil` for NULL.
    /// - Throws: ``PostgresError/decoding(_:)`` which names the column, its type and the type asked for.
    public func decode<Value: PostgresDecodable>(
        _ column: Int,
        as type: Value?.Type = Value?.self
    ) throws(PostgresError) -> Value? {
        try holdsValue(column) ? try value(column) : nil
    }

    /// Reads a column that is never NULL, by its exact name.
    ///
    /// - Parameters:
    ///   - name: The column's name, letter for letter.
    ///   - type: The type to read it as.
    /// - Returns: The value.
    /// - Throws: ``PostgresError/decoding(_:)`` which names the column, its type and the type asked for.
    public func decode<Value: PostgresDecodable>(
        _ name: String,
        as type: Value.Type = Value.self
    ) throws(PostgresError) -> Value {
        try decode(try column(named: name), as: type)
    }

    /// Reads a column that may be NULL, by its exact name.
    ///
    /// - Parameters:
    ///   - name: The column's name, letter for letter.
    ///   - type: The type to read it as.
    /// - Returns: The value, `nil` for NULL.
    /// - Throws: ``PostgresError/decoding(_:)`` which names the column, its type and the type asked for.
    public func decode<Value: PostgresDecodable>(
        _ name: String,
        as type: Value?.Type = Value?.self
    ) throws(PostgresError) -> Value? {
        try decode(try column(named: name), as: type)
    }

    /// True if a column holds NULL or does not exist.
    public func isNull(_ column: Int) -> Bool {
        !columns.types.indices.contains(column) || result.isNull(row: index, column: column)
    }

    func column(named name: String) throws(PostgresError) -> Int {
        guard let column = columns.index(of: name) else {
            let known = columns.names.map { "\"\($0)\"" }.joined(separator: ", ")
            throw .decoding("there is no column \"\(name)\"; the result has \(known)")
        }
        return column
    }

    /// True if the column is not NULL.
    ///
    /// The value is then decoded without an optional, because the type of an optional would have to be looked up each
    /// time.
    private func holdsValue(_ column: Int) throws(PostgresError) -> Bool {
        guard columns.types.indices.contains(column) else {
            throw .decoding("there is no column \(column); the result has \(columns.types.count)")
        }
        return !result.isNull(row: index, column: column)
    }

    private func value<Value: PostgresDecodable>(_ column: Int) throws(PostgresError) -> Value {
        let type = columns.types[column]
        do throws(PostgresDecodingFailure) {
            return try result.decode(row: index, column: column, type: type)
        } catch {
            throw explain(error, column: column, type: type, expected: "\(Value.self)")
        }
    }

    private func explain(
        _ failure: PostgresDecodingFailure,
        column: Int,
        type: PostgresType,
        expected: String
    ) -> PostgresError {
        let name = "column \"\(columns.names[column])\""
        return switch failure {
        case .wrongType: .decoding("\(name) is \(type), cannot be read as \(expected)")
        case .outOfRange: .decoding("\(name) is \(type) and its value does not fit into \(expected)")
        case .nullElement: .decoding("\(name) has a NULL element, cannot be read as \(expected)")
        case .invalid(let reason): .decoding("\(name) \(reason)")
        }
    }
}

extension PostgresRow {
    /// Compares a text column with a text, byte for byte, without making a string of it.
    ///
    /// - Parameters:
    ///   - text: The text to compare with.
    ///   - name: The column's name, letter for letter; its type is a text or `json` or `jsonb`.
    /// - Returns: True if both are equal, `nil` for NULL.
    /// - Throws: ``PostgresError/decoding(_:)`` which names the column, if no column has that name, or its type is
    ///   another.
    public func holds(_ text: String, in name: String) throws(PostgresError) -> Bool? {
        try unsafe checkText(of: name) { bytes in unsafe Self.isSame(bytes, text) }
    }

    private static func isSame(_ bytes: UnsafeRawBufferPointer, _ text: String) -> Bool {
        let isSame = unsafe text.utf8.withContiguousStorageIfAvailable { wanted in
            guard wanted.count == bytes.count else { return false }
            guard let left = wanted.baseAddress, let right = bytes.baseAddress else { return true }
            return unsafe memcmp(left, right, bytes.count) == 0
        }
        return unsafe isSame ?? text.utf8.elementsEqual(bytes)
    }

    /// Checks the bytes of a text column in place.
    ///
    /// - Parameters:
    ///   - name: The column's name, letter for letter; its type is a text or `json` or `jsonb`.
    ///   - check: Checks the bytes, which are those of the text; not called for NULL.
    /// - Returns: The result of `check`, `nil` for NULL.
    /// - Throws: ``PostgresError/decoding(_:)`` which names the column, if no column has that name, or its type is
    ///   another.
    public func checkText(
        of name: String,
        _ check: (UnsafeRawBufferPointer) -> Bool
    ) throws(PostgresError) -> Bool? {
        let column = try column(named: name)
        guard !isNull(column) else { return nil }
        let type = columns.types[column]
        guard type.isText || type == .json || type == .jsonb else {
            throw .decoding("column \"\(name)\" is \(type), cannot be looked at as text")
        }
        return unsafe result.withBytes(row: index, column: column) { bytes in
            // Before the text of a jsonb comes the version of the format; there has only ever been 1.
            unsafe check(type == .jsonb ? UnsafeRawBufferPointer(rebasing: bytes.dropFirst()) : bytes)
        }
    }
}

/// The rows of a result, all in memory, decoded on access.
///
/// Rows keep the whole result alive: copy values that must live longer.
public struct PostgresRows: Sendable {
    let result: ResultHandle
    let columns: ResultColumns

    /// Rows inserted, updated, deleted or selected.
    public var affectedRows: Int { result.affectedRows }

    /// The names of the columns from left to right.
    public var columnNames: [String] { columns.names }
}

extension PostgresRows: RandomAccessCollection {
    public var startIndex: Int { 0 }
    public var endIndex: Int { result.rowCount }

    public subscript(position: Int) -> PostgresRow {
        precondition(indices.contains(position), "row \(position) of a result of \(count) rows")
        return PostgresRow(result: result, columns: columns, index: position)
    }
}
