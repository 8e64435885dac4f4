extension PostgresRow {
    /// Looks at the bytes of a text column in place, by its exact name.
    ///
    /// - Parameters:
    ///   - name: The column's name, letter for letter; its type is a text or `json` or `jsonb`.
    ///   - body: What to do with the bytes, which are those of the text; not called for NULL.
    /// - Returns: What `body` returned, `nil` for NULL.
    /// - Throws: ``PostgresError/decoding(_:)`` which names the column, if there is none of that name or type.
    public func withText<Value>(
        of name: String,
        _ body: (UnsafeRawBufferPointer) -> Value
    ) throws(PostgresError) -> Value? {
        let column = try column(named: name)
        guard !isNull(column) else { return nil }
        let type = columns.types[column]
        guard type.isText || type == .json || type == .jsonb else {
            throw .decoding("column \"\(name)\" is \(type), cannot be looked at as text")
        }
        return unsafe result.withBytes(row: index, column: column) { bytes in
            // Before the text of a jsonb comes the version of the format; there has only ever been 1.
            unsafe body(type == .jsonb ? UnsafeRawBufferPointer(rebasing: bytes.dropFirst()) : bytes)
        }
    }
}
