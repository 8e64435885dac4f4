/// The reason why a connection could not be opened, and whether waiting helps.
struct ConnectFailure: Error, Hashable, CustomStringConvertible {
    /// The cause that may end the failure.
    enum Remedy: Hashable {
        /// Time: the server is starting, or has too many clients.
        case time
        /// The server or the network may come back, if the address is right.
        case server
        /// A person: the database, the role, the password or the name of the host is wrong.
        case person
    }

    let reason: String
    let remedy: Remedy

    var description: String { reason }

    /// Reads the complaint of libpq, whose verbose form names the SQLSTATE of a refusal by the server.
    init(_ complaint: String) {
        let lines = complaint.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("LOCATION:") }
        let text = Wire.oneLine(lines.joined(separator: "\n"))
        let state = text.matches(of: #/(?:FATAL|ERROR|PANIC): +([0-9A-Z]{5}): /#).last.map { String($0.1) }
        let words = text.replacing(#/((?:FATAL|ERROR|PANIC):) +[0-9A-Z]{5}: /#) { "\($0.1) " }
        let (remedy, help) = Self.judge(state: state, words)
        self.remedy = remedy
        reason = words + (help.map { "; \($0)" } ?? "")
    }

    private static func judge(state: String?, _ words: String) -> (Remedy, String?) {
        if words.contains("unsupported startup parameter") {
            return (.person, "remove it from the connection URL, or add it to ignore_startup_parameters of the pooler")
        }
        switch state {
        case "3D000": return (.person, "create the database, or correct its name in the connection URL")
        case "28P01": return (.person, "correct the user and the password in the connection URL")
        case "28000": return (.person, "correct the user in the connection URL, or let it log in (pg_hba.conf)")
        case "42501": return (.person, "grant the user CONNECT on the database")
        case let state? where state.hasPrefix("57P") || state.hasPrefix("53"): return (.time, nil)
        case .some: return (.server, nil)
        case nil: break
        }
        if words.contains("could not translate host name"), !words.contains("Temporary failure") {
            return (.person, "correct the host in the connection URL")
        }
        if words.contains("no password supplied") {
            return (.person, "write the password into the connection URL, or set PGPASSWORD")
        }
        if words.contains("Connection refused") || words.contains("No such file or directory") {
            return (.server, "start Postgres, or correct host and port in the connection URL")
        }
        return (.server, nil)
    }
}
