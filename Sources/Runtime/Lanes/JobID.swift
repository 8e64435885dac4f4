import Foundation
import JSON
import Redis
import Spec

/// The name of a message in a lane: `cm-<messageId>`.
enum JobID {
    private static let prefix = "cm-"

    static func text(_ message: UUID) -> String { prefix + message.apiText }

    static func argument(_ message: UUID) -> RedisArgument { .text(text(message)) }

    /// The message that an id names; `nil` for anything that we did not put there.
    static func message(_ text: String) -> UUID? {
        guard text.hasPrefix(prefix) else { return nil }
        return UUID(apiText: text.dropFirst(prefix.count))
    }
}
