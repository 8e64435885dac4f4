import Foundation
import JSON

/// A call of the management side, read from its request.
struct ManagementCall: Sendable {
    let method: String
    let route: ManagementRoute
    /// The path and the query, without a token.
    let target: String
    /// The address of the API with its version, for the links of pages.
    let base: String
    let query: [String: String]
    /// The body, or the fields of a form; `null` for none.
    let body: JSONValue
    let bodyText: String
    let token: String

    /// The value of a parameter, in the body or the query; lists and objects in a query are JSON.
    subscript(name: String) -> JSONValue? {
        if let value = body[name], value != .null { return value }
        guard let text = query[name] else { return nil }
        // A text that begins like JSON but is none is an ordinary text.
        if let first = text.first, first == "[" || first == "{", let json = try? JSONValue(parsing: text) {
            return json
        }
        return .string(text)
    }

    func text(_ name: String) -> String? {
        switch self[name] {
        case .string(let text): text
        case .integer(let number): "\(number)"
        case .bool(let flag): "\(flag)"
        default: nil
        }
    }

    /// Returns the texts of a list, which is written as a list, as JSON, or with commas.
    func list(_ name: String) -> [String]? {
        switch self[name] {
        case .array(let items): items.compactMap { $0.stringValue ?? $0.integerValue.map(String.init) }
        case .string(let text): text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        case .integer(let number): ["\(number)"]
        default: nil
        }
    }

    /// The names of the fields asked for, without what is asked of their insides; `nil` if none are.
    var fields: [String]? {
        guard let text = query["fields"], !text.isEmpty else { return nil }
        var names: [String] = []
        var name = ""
        var depth = 0
        for character in text + "," {
            switch character {
            case "{", "(": depth += 1
            case "}", ")": depth -= 1
            case "," where depth == 0:
                names.append(String(name.prefix { $0 != "." }).trimmingCharacters(in: .whitespaces))
                name = ""
            default: if depth == 0 { name.append(character) }
            }
        }
        return names.filter { !$0.isEmpty }
    }

    /// Reads the parameters of a query or a form.
    static func parameters(_ text: String) -> [String: String] {
        var parameters: [String: String] = [:]
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let (name, value) = (plain(parts[0]), parts.count > 1 ? plain(parts[1]) : "")
            parameters[name] = value
        }
        return parameters
    }

    private static func plain(_ text: Substring) -> String {
        let spaced = String(text.replacing("+", with: " "))
        return spaced.removingPercentEncoding ?? spaced
    }
}

/// The kind of a call, read from its method and path.
enum ManagementRoute: Hashable, Sendable {
    case templates(account: String)
    case archive(account: String, isRestored: Bool)
    case node(String)
    case edit(String)
    case unpause(String)
    case numbers(account: String)
    case subscribedApps(account: String)
    case subscriptions(app: String)
    case debugToken

    /// Reads a path; `nil` for one that the API does not know.
    ///
    /// - Parameters:
    ///   - method: The method.
    ///   - parts: The path without its version.
    ///   - hasVersion: True if the path had a version; archives are on a host without versions.
    init?(method: String, parts: [Substring], hasVersion: Bool) {
        guard let first = parts.first.map(String.init) else { return nil }
        let isID = first.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } && first.utf8.count <= 32
        guard isID else {
            guard method == "GET", parts == ["debug_token"] else { return nil }
            self = .debugToken
            return
        }
        switch (method, parts.dropFirst().joined(separator: "/")) {
        case ("GET", "message_templates"), ("POST", "message_templates"), ("DELETE", "message_templates"):
            self = .templates(account: first)
        case ("POST", "message_templates/archive") where !hasVersion: self = .archive(account: first, isRestored: false)
        case ("POST", "message_templates/unarchive") where !hasVersion:
            self = .archive(account: first, isRestored: true)
        case ("GET", ""): self = .node(first)
        case ("POST", ""): self = .edit(first)
        case ("POST", "unpause"): self = .unpause(first)
        case ("GET", "phone_numbers"): self = .numbers(account: first)
        case (_, "subscribed_apps") where ["GET", "POST", "DELETE"].contains(method):
            self = .subscribedApps(account: first)
        case (_, "subscriptions") where ["GET", "POST", "DELETE"].contains(method): self = .subscriptions(app: first)
        default: return nil
        }
    }

    /// Returns the name of the operation, in ledgers and faults.
    func operation(_ method: String) -> String {
        let verb = ["GET": "list", "POST": "create", "DELETE": "delete"][method] ?? method.lowercased()
        return switch self {
        case .templates: "templates.\(verb)"
        case .archive(_, let isRestored): isRestored ? "templates.unarchive" : "templates.archive"
        case .node: "node.get"
        case .edit: "templates.edit"
        case .unpause: "templates.unpause"
        case .numbers: "numbers.list"
        case .subscribedApps: "subscribedApps.\(verb)"
        case .subscriptions: "subscriptions.\(verb)"
        case .debugToken: "token.debug"
        }
    }
}
