internal import Glibc

extension PostgresRow {
    /// Compares a text column with a text, byte for byte, without making a string of it.
    ///
    /// - Parameters:
    ///   - text: What it is compared with.
    ///   - name: The column's name, letter for letter; its type is a text or `json` or `jsonb`.
    /// - Returns: Whether both are the same, `nil` for NULL.
    /// - Throws: ``PostgresError/decoding(_:)`` which names the column, if there is none of that name or type.
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

    /// Looks at the bytes of a text column in place.
    ///
    /// - Parameters:
    ///   - name: The column's name, letter for letter; its type is a text or `json` or `jsonb`.
    ///   - check: What to find out about the bytes, which are those of the text; not called for NULL.
    /// - Returns: What `check` returned, `nil` for NULL.
    /// - Throws: ``PostgresError/decoding(_:)`` which names the column, if there is none of that name or type.
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
