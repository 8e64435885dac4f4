internal import CLibPQ

/// The connection settings of a server, checked but not yet used.
///
/// Accepts what libpq accepts: a URL (`postgresql://user@host/database?sslmode=verify-full`) or keywords
/// (`host=/var/run/postgresql dbname=campaigns`); service files, `PGPASSWORD` and `.pgpass` work as well. Besides, the
/// string may set `prepared_statements` to `on` or `off`. By default each new connection finds out whether its session
/// is its own; see ``PostgresConnection/isPooled``.
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
    private let connectionString: String
    private var settings: [(keyword: String, value: String)] = []
    private let summary: String
    /// The server options that the connection string sets; `nil` if it sets none.
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
        (self.connectionString, preparesStatements) = try Self.separate(connectionString, variable: variable)
        (summary, options) = try Self.check(self.connectionString, variable: variable)
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

    /// Makes the expressions that set what ``settingInSessions(_:)`` was given; empty if there is nothing to set.
    func settingExpressions(inTransaction isLocal: Bool) -> [String] {
        let own = settings.last { $0.keyword == "options" }?.value ?? options ?? ""
        return sessionSettings.filter { !own.contains($0.key + "=") }.sorted { $0.key < $1.key }
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

    /// Takes `prepared_statements`, which libpq does not know, out of a connection string.
    private static func separate(
        _ text: String,
        variable: String
    ) throws(PostgresError) -> (text: String, preparesStatements: Bool?) {
        let value: Substring
        var rest = text
        if let match = text.firstMatch(of: /(?<before>[?&])prepared_statements=(?<value>[^&]*)(?<after>&?)/) {
            value = match.value
            // The next setting takes the place of this one; the last setting goes with the sign before it.
            rest.replaceSubrange(match.range, with: match.after.isEmpty ? "" : match.before)
        } else if !text.contains("://"),
            let match = text.firstMatch(of: /(?:^|\s)prepared_statements\s*=\s*'?(?<value>\w*)'?(?=\s|$)/)
        {
            value = match.value
            rest.removeSubrange(match.range)
        } else {
            return (text, nil)
        }
        switch value {
        case "on": return (rest, true)
        case "off": return (rest, false)
        default: throw .configuration("\(variable): prepared_statements is on or off, or left out to find out")
        }
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
