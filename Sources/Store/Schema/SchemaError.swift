/// The database's schema and this program do not belong together.
public enum SchemaError: Error, Equatable, CustomStringConvertible {
    /// A step that was applied has another text now.
    case changed(version: Int, name: String)
    /// The database has a step that this program does not know.
    case newer(version: Int)
    /// Steps are missing.
    case outdated(missing: Int)

    public var description: String {
        switch self {
        case .changed(let version, let name):
            "migration \(version) (\(name)) was changed after it was applied; "
                + "restore its file and put the change into a new migration"
        case .newer(let version):
            "the database has migration \(version), which this program does not know; use the newer program"
        case .outdated(let missing):
            "the database lacks \(missing) migration\(missing == 1 ? "" : "s"); run: campaignd migrate"
        }
    }
}
