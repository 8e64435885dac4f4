internal import CLibPQ

/// The connection settings of a server, checked but not yet used.
///
/// Accepts what libpq accepts: a URL (`postgresql://user@host/database?sslmode=verify-full`) or keywords
/// (`host=/var/run/postgresql dbname=campaigns`); service files, `PGPASSWORD` and `.pgpass` work as well. Besides, the
/// string may set two things that libpq does not know:
///
/// - `prepared_statements` is `on` or `off`. By default each new connection finds out whether its session is its own; see
///   ``PostgresConnection/isPooled``.
/// - `schema` is the one schema on the search path, instead of `public`. It is no startup parameter, which poolers refuse or
///   ignore: each session sets it, or each transaction if sessions are shared. A `search_path` of one name among the
///   `options` means the same.
public struct PostgresConfiguration: Sendable {
    /// The name shown in `pg_stat_activity`, unless the connection string has another.
    public var applicationName: String
    /// The longest time that opening one connection may take.
    public var connectTimeout: Duration
    /// Settings of each session, such as those of the planner.
    private var sessionSettings: [String: String] = [:]
    /// False if each transaction may run in another session, so that statements are not prepared; true if the session stays
    /// the same; `nil` has each connection find it out.
    public var preparesStatements: Bool?
    /// The one schema on the search path; `nil` leaves it to the server and the role.
    public private(set) var schema: String?
    private let connectionString: String
    private var settings: [(keyword: String, value: String)] = []
    private let summary: String
    /// The server options that the connection string sets, without those that are set in sessions; `nil` if it sets none.
    private let options: String?

    /// Checks a connection string.
    ///
    /// - Parameters:
    ///   - connectionString: A `postgresql://` URL or `keyword=value` pairs.
    ///   - variable: The environment variable it came from; error messages name it.
    ///   - applicationName: The name shown in `pg_stat_activity`.
    ///   - connectTimeout: The longest time that opening one connection may take.
    /// - Throws: ``PostgresError/configuration(_:)`` which says what is wrong, without quoting the string.
    public init(
        _ connectionString: String,
        variable: String = "DATABASE_URL",
        applicationName: String = "campaigns",
        connectTimeout: Duration = .seconds(5)
    ) throws(PostgresError) {
        self.applicationName = applicationName
        self.connectTimeout = connectTimeout
        let (text, own) = Self.separate(connectionString)
        self.connectionString = text
        preparesStatements = try Self.preparesStatements(own["prepared_statements"], variable: variable)
        let found = try Self.check(text, variable: variable)
        summary = found.summary
        let path = found.options.flatMap(Self.searchPath)
        options = path?.rest ?? found.options
        guard let name = own["schema"] ?? path?.schema else { return }
        guard own["schema"] == nil || path == nil else {
            throw .configuration("\(variable) has a schema and a search_path; write the schema only")
        }
        guard Self.isSchema(name) else {
            throw .configuration("\(variable): \(Self.schemaRule)")
        }
        schema = name
        if path != nil { settings = [("options", options ?? "")] }
    }

    /// Returns the same configuration, in the schema of another one if it names none itself.
    public func inSchema(of other: Self) -> Self {
        var copy = self
        copy.schema = schema ?? other.schema
        return copy
    }

    /// Returns the same configuration in a schema.
    ///
    /// - Throws: ``PostgresError/configuration(_:)`` if it is no name that a schema can have; see ``isSchema(_:)``.
    public func inSchema(_ name: String) throws(PostgresError) -> Self {
        guard Self.isSchema(name) else { throw .configuration(Self.schemaRule) }
        var copy = self
        copy.schema = name
        return copy
    }

    /// The rule for names of schemas, as a sentence for errors; see ``isSchema(_:)``.
    public static let schemaRule =
        "schema is a name of at most \(longestSchema) small letters, digits and underscores, "
        + "which does not begin with a digit or pg_"

    /// The longest name of a schema: the names of channels contain it.
    private static let longestSchema = 40

    /// Returns whether a name can be that of a ``schema``: one that needs no quotes anywhere.
    public static func isSchema(_ name: String) -> Bool {
        name.utf8.count <= longestSchema && name.wholeMatch(of: /[a-z_][a-z0-9_]*/) != nil && !name.hasPrefix("pg_")
    }

    /// Returns the same configuration with one libpq setting replaced, such as `dbname` or `options`.
    public func setting(_ keyword: String, to value: String) -> Self {
        var copy = self
        copy.settings.append((keyword, value))
        return copy
    }

    /// Returns the same configuration with settings of the server for its sessions, such as `jit` to `off`.
    ///
    /// They are no startup parameters, which poolers refuse or ignore: each session sets them, or each transaction if
    /// sessions are shared. The `options` of the connection string may override them.
    public func settingInSessions(_ settings: [String: String]) -> Self {
        var copy = self
        copy.sessionSettings.merge(settings) { $1 }
        return copy
    }

    /// Makes the expressions that set the schema and what ``settingInSessions(_:)`` was given; empty if there is nothing to
    /// set.
    func settingExpressions(inTransaction isLocal: Bool) -> [String] {
        let own = settings.last { $0.keyword == "options" }?.value ?? options ?? ""
        let path = schema.map { [(key: "search_path", value: $0)] } ?? []
        return (path + sessionSettings.filter { !own.contains($0.key + "=") }.sorted { $0.key < $1.key })
            .map { "set_config('\($0.key)', '\($0.value)', \(isLocal))" }
    }

    /// The arguments of `PQconnectStartParams`: later entries win, so defaults come before the string.
    var parameters: [(keyword: String, value: String)] {
        [
            ("fallback_application_name", applicationName),
            ("keepalives_idle", "30"), ("keepalives_interval", "10"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "30000"),
            ("dbname", connectionString),
            ("client_encoding", "UTF8"),
        ] + settings
    }
}

extension PostgresConfiguration: CustomStringConvertible {
    /// Server, database and user; never the password.
    public var description: String { summary }
}

extension PostgresConfiguration {
    private static let example = "write it like postgresql://user:password@localhost:5432/campaigns"

    /// Takes what libpq does not know out of a connection string.
    private static func separate(_ text: String) -> (text: String, own: [String: String]) {
        var (rest, own): (String, [String: String]) = (text, [:])
        if text.contains("://") {
            while let match = rest.firstMatch(
                of: /(?<before>[?&])(?<name>prepared_statements|schema)=(?<value>[^&]*)(?<after>&?)/
            ) {
                own[String(match.name)] = String(match.value)
                // The next setting takes the place of this one; the last setting goes with the sign before it.
                rest.replaceSubrange(match.range, with: match.after.isEmpty ? "" : match.before)
            }
        } else {
            while let match = rest.firstMatch(
                of: /(?:^|\s)(?<name>prepared_statements|schema)\s*=\s*'?(?<value>\w*)'?(?=\s|$)/
            ) {
                own[String(match.name)] = String(match.value)
                rest.removeSubrange(match.range)
            }
        }
        return (rest, own)
    }

    private static func preparesStatements(_ value: String?, variable: String) throws(PostgresError) -> Bool? {
        switch value {
        case nil: return nil
        case "on": return true
        case "off": return false
        default: throw .configuration("\(variable): prepared_statements is on or off, or left out to find out")
        }
    }

    /// Returns the schema of a search path with one name, and the other options.
    private static func searchPath(in options: String) -> (schema: String, rest: String)? {
        guard let match = options.firstMatch(of: /(?:^|\s)(?:-c\s*|--)search_path\s*=\s*"?(?<name>\w+)"?(?=\s|$)/)
        else { return nil }
        var rest = options
        rest.removeSubrange(match.range)
        return (String(match.name), rest)
    }

    private static func check(
        _ text: String,
        variable: String
    ) throws(PostgresError) -> (summary: String, options: String?) {
        guard !text.isEmpty else { throw .configuration("\(variable) is empty; \(example)") }
        let isURL = text.hasPrefix("postgres://") || text.hasPrefix("postgresql://")
        guard isURL || (text.contains("=") && !text.contains("://")) else {
            throw .configuration("\(variable) is not a Postgres connection string; \(example)")
        }
        guard !text.utf8.contains(0) else { throw .configuration("\(variable) contains a NUL byte; \(example)") }
        var complaint: UnsafeMutablePointer<CChar>?
        guard let options = unsafe PQconninfoParse(text, &complaint) else {
            let reason = unsafe complaint.map { unsafe String(cString: $0) } ?? "out of memory"
            unsafe PQfreemem(complaint)
            throw .configuration("\(variable) is not a Postgres connection string: \(redacted(reason)); \(example)")
        }
        defer { unsafe PQconninfoFree(options) }
        return unsafe summary(of: options)
    }

    private static func summary(
        of options: UnsafeMutablePointer<PQconninfoOption>
    ) -> (summary: String, options: String?) {
        var values: [String: String] = [:]
        var option = unsafe options
        while let keyword = unsafe option.pointee.keyword {
            if let value = unsafe option.pointee.val {
                values[unsafe String(cString: keyword)] = unsafe String(cString: value)
            }
            unsafe option += 1
        }
        let user = values["user"].map { $0 + (values["password"] == nil ? "@" : ":•••@") } ?? ""
        let place = (values["host"] ?? values["hostaddr"] ?? "") + (values["port"].map { ":" + $0 } ?? "")
        return ("postgresql://\(user)\(place)/\(values["dbname"] ?? "")", values["options"])
    }

    /// Redacts a complaint of libpq, which quotes the part that it could not parse, maybe the password; names of
    /// options remain.
    private static func redacted(_ complaint: String) -> String {
        let trimmed = complaint.last == "\n" ? String(complaint.dropLast()) : complaint
        if trimmed.hasPrefix("invalid connection option") || trimmed.hasPrefix("invalid URI query parameter") {
            return trimmed
        }
        var quoted = false
        var result = ""
        for character in trimmed {
            if character == "\"" {
                result += quoted ? "…\"" : "\""
                quoted.toggle()
            } else if !quoted {
                result.append(character)
            }
        }
        return result
    }
}
