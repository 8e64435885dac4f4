import Foundation
import JSON
import Store

/// The body of a post: a JSON object with the events, or a text for Slack.
struct NotificationText: Sendable {
    let post: NotificationPost

    /// The most characters of a reason; longer ones are cut.
    private static let longestReason = 500

    /// `{"id", "tenant", "reason", "count", "events"}`, the same for each attempt.
    var json: JSONValue {
        [
            "id": .string(post.id.uuidString.lowercased()), "tenant": .string(post.tenantID),
            "reason": .string(post.reason), "count": .integer(post.events.count),
            "events": .array(post.events.map(Self.withoutNumbers)),
        ]
    }

    /// `{"text": …}`, one line for each event, with what to do.
    var slack: JSONValue {
        let lines = post.events.map { event in Self.escaped(line(Self.withoutNumbers(event))) }
        let text =
            lines.count == 1
            ? "*\(Self.escaped(post.tenantID))*: \(lines[0])"
            : (["*\(Self.escaped(post.tenantID))*: \(lines.count) events"] + lines.map { "• \($0)" })
                .joined(separator: "\n")
        return ["text": .string(text)]
    }

    /// Returns text such as `Spring sale (spring) was paused by the alike guard: … To go on: campaignd resume acme/spring`.
    private func line(_ event: JSONValue) -> String {
        let why = event["why"]?.stringValue
        guard let name = event["campaign"]?.stringValue else { return why ?? post.reason }
        let title = event["title"]?.stringValue ?? name
        let subject = title == name ? "campaign \(name)" : "campaign \(title) (\(name))"
        let path = "\(post.tenantID)/\(name)"
        let place = path.contains(" ") ? "'\(path)'" : path
        let because = why.map { ": \($0)" } ?? ""
        switch event["what"]?.stringValue {
        case "paused":
            let who = event["who"]?.stringValue.map { " by \(RunActor(stored: $0).words)" } ?? ""
            // The reason of a guard names the command already.
            let remedy = why?.contains("campaignd resume") == true ? "" : ". To go on: `campaignd resume \(place)`"
            return "\(subject) was paused\(who)\(because)\(remedy)"
        case "resumed": return "\(subject) goes on\(because). See: `campaignd report \(place)`"
        case "cancelled": return "\(subject) was cancelled\(because). See: `campaignd report \(place)`"
        case "startFailed": return "\(subject) could not start\(because)"
        case "completed":
            return "\(subject) is complete: \(counts(event["numbers"])). See: `campaignd report \(place)`"
        default: return "\(subject): \(event["what"]?.stringValue ?? post.reason)\(because)"
        }
    }

    /// Returns text such as `1000 recipients, 990 accepted, 10 failed`.
    private func counts(_ numbers: JSONValue?) -> String {
        func number(_ names: String...) -> Int { names.reduce(0) { $0 + (numbers?[$1]?.integerValue ?? 0) } }
        let parts = [
            (number("recipients"), "recipients"), (number("sent", "delivered", "read"), "accepted"),
            (number("failed"), "failed"), (number("cancelled"), "left out"), (number("unconfirmed"), "in doubt"),
        ]
        return parts.enumerated().filter { $0.offset < 2 || $0.element.0 > 0 }
            .map { "\($0.element.0) \($0.element.1)" }.joined(separator: ", ")
    }

    /// Replaces what looks like a phone number in the texts that come from elsewhere: WhatsApp's errors may quote one.
    private static func withoutNumbers(_ event: JSONValue) -> JSONValue {
        guard case .object(var fields) = event else { return event }
        for field in ["why", "who"] {
            guard let text = fields[field]?.stringValue else { continue }
            let masked = text.replacing(/\+\d[\d ().-]{5,}\d|\d{8,}/, with: "…")
            fields[field] = .string(
                masked.count > longestReason ? String(masked.prefix(longestReason - 1)) + "…" : masked
            )
        }
        return .object(fields)
    }

    /// Escapes what has a meaning in texts of Slack, so that no text can call a whole channel.
    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }
}
