/// The statements that one connection has prepared, by their SQL; the least recently used are discarded first.
struct StatementCache {
    struct Entry {
        let name: String
        /// The columns of the result; known after the first execution.
        var columns: ResultColumns?
        fileprivate var lastUse: UInt64
    }

    /// Names of statements that are no longer used but still held by the server.
    private(set) var discarded: [String] = []
    private var entries: [String: Entry] = [:]
    private var uses: UInt64 = 0
    private var names: UInt64 = 0
    private let capacity: Int
    /// Distinguishes the names of this connection from those of others, whose statements a pooler may have left in the
    /// session: a name never runs the statement of another.
    private let prefix = "campaigns_" + String(UInt64.random(in: 0 ... .max), radix: 36)

    init(capacity: Int = 256) {
        self.capacity = capacity
    }

    /// Returns the statement for `sql` and marks it as used.
    mutating func use(_ sql: String) -> Entry? {
        uses += 1
        entries[sql]?.lastUse = uses
        return entries[sql]
    }

    /// Returns a name that was never used in any session.
    mutating func newName() -> String {
        names += 1
        return "\(prefix)_\(names)"
    }

    /// Keeps a statement that was just prepared.
    mutating func insert(_ sql: String, name: String) -> Entry {
        if entries.count >= capacity, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            discard(oldest.key)
        }
        uses += 1
        let entry = Entry(name: name, columns: nil, lastUse: uses)
        entries[sql] = entry
        return entry
    }

    /// Keeps the columns of the rows that a statement returns.
    mutating func note(_ columns: ResultColumns, for sql: String) {
        entries[sql]?.columns = columns
    }

    /// Returns the columns of the rows that a statement returns, if they are known.
    func columns(of sql: String) -> ResultColumns? { entries[sql]?.columns }

    /// Forgets a statement and leaves its name to be deallocated.
    mutating func discard(_ sql: String) {
        if let entry = entries.removeValue(forKey: sql) { discarded.append(entry.name) }
    }

    /// Forgets a statement that the server does not know any more.
    mutating func forget(_ sql: String) {
        entries[sql] = nil
    }

    /// Returns the names to deallocate, each only once.
    mutating func takeDiscarded() -> [String] {
        defer { discarded = [] }
        return discarded
    }
}
