import Postgres

extension Migrator {
    /// Says why something failed in the database: where a table or a column is missing, its schema may be too old or
    /// too new.
    ///
    /// - Returns: A ``SchemaError``, or the error as it is.
    public func explanation(of error: any Error) async -> any Error {
        guard ["42P01", "42703"].contains((error as? PostgresError)?.sqlState) else { return error }
        do {
            let missing = try await pending()
            return missing.isEmpty ? error : SchemaError.outdated(missing: missing.count)
        } catch let schemaError as SchemaError {
            return schemaError
        } catch _ {
            return error
        }
    }
}
