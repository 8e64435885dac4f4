import Foundation
public import Postgres
public import Store

/// A note for commands whose work a daemon has to do.
public enum DaemonNotice {
    /// Says on standard error if no daemon runs.
    public static func write(_ pool: PostgresPool) async throws {
        let presence = try await DaemonRepository(pool: pool).presence()
        guard !presence.isAnyRunning else { return }
        let since = presence.lastSeen.map { " since \($0.formatted(.iso8601))" } ?? ""
        Terminal.complain("note: no daemon runs\(since); start one with `campaignd run`\n")
    }
}

extension RunActor {
    /// The person who runs the command.
    public static var commandLine: RunActor {
        .command(ProcessInfo.processInfo.environment["SUDO_USER"] ?? ProcessInfo.processInfo.userName)
    }
}
