import Foundation
import NIOCore
import NIOPosix
import Redis
import Runtime

/// The HTTP address cannot be listened on.
struct ListeningError: Error, Hashable, CustomStringConvertible {
    let host: String
    let port: Int
    let code: Int32

    var description: String {
        let place = "\(host):\(port)"
        switch code {
        case EADDRINUSE:
            return "cannot listen on \(place): another program uses the port; stop it, or set HTTP_PORT (--port)"
        case EACCES:
            return "cannot listen on \(place): this user may not use the port; set HTTP_PORT (--port) to 1024 or more"
        case EADDRNOTAVAIL:
            return "cannot listen on \(place): this machine has no such address; set HTTP_HOST (--host)"
        default:
            return "cannot listen on \(place) (HTTP_HOST, HTTP_PORT): \(String(cString: strerror(code)))"
        }
    }

    /// Listens for a moment, before anything else starts: otherwise all services would start, fail and log.
    ///
    /// - Throws: ``ListeningError``; another error of the address is left to the server.
    static func check(host: String, port: Int) async throws {
        guard port != 0 else { return }
        do {
            let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .bind(host: host, port: port)
                .get()
            try await channel.close()
        } catch let error as IOError {
            throw ListeningError(host: host, port: port, code: error.errnoCode)
        } catch {
            // Such as an unknown host: the server says so as well.
        }
    }
}

/// Redis refuses the daemon for a reason that does not end by itself.
struct RedisStartError: Error, Hashable, CustomStringConvertible {
    let reason: RedisError
    let remedy: String

    var description: String {
        // Some answers of Redis end with a full stop.
        "\("\(reason)".trimmingCharacters(in: ["."])); \(remedy) (REDIS_URL)"
    }

    /// The longest time in which Redis is asked; one that does not answer may be starting.
    private static let patience = Duration.seconds(2)

    /// Asks Redis once, before anything else starts.
    ///
    /// - Throws: ``RedisStartError`` if only another setting helps. Redis that cannot be reached may come back, so that is
    ///   no error: messages wait, and `/readyz` says why.
    static func check(_ redis: RedisClient) async throws {
        do throws(RedisError) {
            _ = try await redis.send(RedisCommand("PING"), deadline: .now + patience)
            let missing = try await LaneRights.missing(on: redis, deadline: .now + patience)
            guard missing.isEmpty else {
                let commands = missing.joined(separator: ", ")
                throw RedisError.server(RedisServerError(message: "NOPERM the user may not run \(commands)"))
            }
        } catch {
            if let remedy = error.remedyOfStart { throw RedisStartError(reason: error, remedy: remedy) }
            if error == .cancelled { throw error }
        }
    }
}
