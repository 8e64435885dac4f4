/// A database, a schema of it, and a part of Redis, with everything of some tenants.
///
/// It stands for environment variables: what reads `DATABASE_URL` and `REDIS_URL` works in any cell.
public struct Cell: Hashable, Sendable {
    /// The servers of a cell as its file names them; references to secrets are followed when they are needed.
    struct Servers: Hashable, Sendable {
        /// A setting, and its line in the file.
        struct Setting: Hashable, Sendable {
            let text: String
            let line: Int
        }

        let database: Setting
        var schema: Setting?
        var listening: Setting?
        var replica: Setting?
        var redis: Setting?
        var prefix: Setting?

        var schemaName: String { schema?.text ?? "public" }
    }

    /// The name of the cell that `DATABASE_URL` alone makes.
    public static let defaultName = "default"

    public let name: String
    /// The tenants whose data it holds.
    public let tenants: [TenantPattern]
    /// The line of the file in which it begins.
    let line: Int
    /// `nil` for the cell of the variables themselves.
    let servers: Servers?

    /// The cell of the variables themselves, with all tenants.
    static let only = Cell(name: defaultName, tenants: [TenantPattern("*", line: 0)], line: 0, servers: nil)

    /// The schema that the file gives it; `nil` if its URL decides.
    public var schema: String? { servers?.schema?.text }

    /// Returns the environment in which the variables of Postgres and Redis are those of the cell.
    ///
    /// `REDIS_URL` stays if the cell has none of its own. Everything else stays as it is.
    ///
    /// - Parameter environment: The variables of the process, among them those that the file refers to.
    /// - Returns: The variables of the cell, with all others.
    /// - Throws: ``CellFileError`` if a reference leads nowhere.
    public func environment(_ environment: [String: String]) throws(CellFileError) -> [String: String] {
        guard let servers else { return environment }
        var own = environment
        let database = try Self.text(of: servers.database, environment)
        own["DATABASE_URL"] = servers.schema.map { Self.url(database, schema: $0.text) } ?? database
        own["DATABASE_LISTEN_URL"] = try servers.listening.map { setting throws(CellFileError) in
            try Self.text(of: setting, environment)
        }
        own["DATABASE_READ_URL"] = try servers.replica.map { setting throws(CellFileError) in
            try Self.text(of: setting, environment)
        }
        if let redis = servers.redis { own["REDIS_URL"] = try Self.text(of: redis, environment) }
        own["REDIS_PREFIX"] = servers.prefix?.text
        return own
    }

    /// Returns a URL, or `keyword=value` pairs, with a schema.
    private static func url(_ database: String, schema: String) -> String {
        guard database.contains("://") else { return "\(database) schema=\(schema)" }
        return database + (database.contains("?") ? "&" : "?") + "schema=" + schema
    }

    /// Follows a reference: `env:NAME` is the value of a variable; other texts are what they are.
    private static func text(
        of setting: Servers.Setting,
        _ environment: [String: String]
    ) throws(CellFileError) -> String {
        guard setting.text.hasPrefix("env:") else { return setting.text }
        let name = String(setting.text.dropFirst(4))
        guard let value = environment[name], !value.isEmpty else {
            let text = "the variable `\(name)` is not set; set it, or write the URL here"
            throw CellFileError(path: environment["CELLS_FILE"], problems: [.init(line: setting.line, text)])
        }
        return value
    }
}

/// A tenant of a cell, or a pattern of tenants in which `*` stands for any text; `*` alone is every tenant that no other cell
/// names.
public struct TenantPattern: Hashable, Sendable, CustomStringConvertible {
    public let text: String
    /// The line of the file.
    let line: Int

    init(_ text: String, line: Int) {
        (self.text, self.line) = (text, line)
    }

    public var description: String { text }

    /// True for the tenants that no other cell names.
    var isRest: Bool { text == "*" }

    /// Returns whether a tenant is one of these.
    func matches(_ tenant: String) -> Bool { Self.meet(Array(text), Array(tenant), isPattern: false) }

    /// Returns whether a tenant can be one of both.
    func overlaps(_ other: TenantPattern) -> Bool { Self.meet(Array(text), Array(other.text), isPattern: true) }

    /// Returns whether a text exists that matches both; the second one may be plain.
    private static func meet(_ first: [Character], _ second: [Character], isPattern: Bool) -> Bool {
        // meets[j]: whether the rest of `first` from i and the rest of `second` from j have a text in common.
        var after: [Bool] = []
        for i in stride(from: first.count, through: 0, by: -1) {
            var meets = [Bool](repeating: false, count: second.count + 1)
            for j in stride(from: second.count, through: 0, by: -1) {
                let a = i < first.count ? first[i] : nil
                let b = j < second.count ? second[j] : nil
                if a == nil, b == nil {
                    meets[j] = true
                } else if a == "*" {
                    meets[j] = after[j] || (b != nil && meets[j + 1])
                } else if b == "*", isPattern {
                    meets[j] = meets[j + 1] || (a != nil && after[j])
                } else {
                    meets[j] = a != nil && a == b && after[j + 1]
                }
            }
            after = meets
        }
        return after[0]
    }
}
