import JSON

/// The reason why a call brought nothing.
package enum GraphError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The API refused the call; nothing was done.
    case refused(GraphRefusal)
    /// Too many calls; nothing was done. `minutes` is the API's estimate, 0 if it named none.
    case limited(GraphRefusal, minutes: Int)
    /// The token is invalid, or lacks a right; nothing was done.
    case unauthorized(GraphRefusal)
    /// The request was not written, because there was no connection.
    case notWritten(String)
    /// The request may have arrived, and no usable answer came.
    case lost(String)
    /// An answer came that is none of the API's; the request may have had an effect.
    case unreadable(String)

    /// Sorts an error of the API.
    init(_ refusal: GraphRefusal, regainMinutes: Int) {
        switch refusal.code {
        // 4 is about the app, 80007 and 80008 about the account, 613 about one kind of call.
        case 4, 17, 32, 613, 80_007, 80_008: self = .limited(refusal, minutes: regainMinutes)
        case _ where refusal.status == 429: self = .limited(refusal, minutes: regainMinutes)
        // 10 is also about kinds of templates that an account may not create.
        case 10 where refusal.subcode != nil && refusal.subcode != 33: self = .refused(refusal)
        case 3, 10, 102, 190, 200...299: self = .unauthorized(refusal)
        case 0 where [401, 403].contains(refusal.status): self = .unauthorized(refusal)
        default: self = .refused(refusal)
        }
    }

    /// The words for people, without the token.
    package var description: String { words(of: "WhatsApp") }

    /// Returns the words for people about a call to a server, without the token.
    ///
    /// - Parameter server: The server that was called, such as `WhatsApp`.
    /// - Returns: A clause.
    package func words(of server: String) -> String {
        switch self {
        case .refused(let refusal), .unauthorized(let refusal): refusal.description
        case .limited(let refusal, let minutes):
            "too many calls (\(refusal))" + (minutes > 0 ? ", allowed again in \(minutes) min" : "")
        case .notWritten(let reason): "\(server) cannot be reached: \(reason)"
        case .lost(let reason): "the answer of \(server) was lost: \(reason)"
        case .unreadable(let reason): "an answer that is none of \(server)'s: \(reason)"
        }
    }
}

/// An error of the API.
package struct GraphRefusal: Hashable, Sendable, CustomStringConvertible {
    /// The HTTP status.
    package let status: Int
    /// 0 if the answer has none.
    package let code: Int
    package let subcode: Int?
    /// The title for people, in the language of the token's owner.
    package let title: String?
    /// The most helpful text of the answer.
    package let message: String
    /// True if the same call may succeed later.
    package let isTransient: Bool

    package init(
        status: Int,
        code: Int,
        subcode: Int? = nil,
        title: String? = nil,
        message: String,
        isTransient: Bool = false
    ) {
        (self.status, self.code, self.subcode) = (status, code, subcode)
        (self.title, self.message, self.isTransient) = (title, message, isTransient)
    }

    init(_ error: JSONValue, status: Int, hiding secrets: [String]) {
        func text(_ value: JSONValue?) -> String? {
            guard var text = value?.stringValue?.replacing("\0", with: ""), !text.isEmpty else { return nil }
            for secret in secrets where !secret.isEmpty { text = text.replacing(secret, with: "<token>") }
            return String(text.prefix(1_000))
        }
        self.status = status
        code = error["code"]?.integerValue ?? 0
        subcode = error["error_subcode"]?.integerValue
        title = text(error["error_user_title"])
        message =
            text(error["error_user_msg"]) ?? text(error["error_data"]?["details"]) ?? text(error["message"])
            ?? "HTTP \(status)"
        isTransient = error["is_transient"]?.boolValue ?? (code == 1 || code == 2 || status >= 500)
    }

    package var description: String {
        let number = code == 0 ? "HTTP \(status)" : "\(code)" + (subcode.map { "/\($0)" } ?? "")
        return "\(number): " + (title.map { "\($0): " } ?? "") + message
    }
}
