import Foundation
import Hummingbird
import JSON

/// The routes below `/_simulator` that report what contacts do, and any other event.
extension SimulatorResponder {
    func setRules(_ request: Request) async throws -> Response {
        let body = try await request.body.collect(upTo: Self.longestBody)
        let rules: SimulatorRules
        do throws(SimulatorError) {
            rules = try SimulatorRules(json: Data(body.readableBytesView))
        } catch {
            return try refused(error)
        }
        for template in admission.setRules(rules) where template.status != "HELD" {
            post(events.status(of: template, at: Self.seconds))
        }
        return try document(admission.rules)
    }

    /// Posts a message of a contact, which opens its window: `{"from", "phoneNumberId", "text"}`, or `"message"` with a type
    /// and its content.
    func inbound(_ request: Request) async throws -> Response {
        let (json, recipient, number) = try await read(request)
        guard let recipient, let number else { return try refused(Self.incomplete("the message")) }
        let content: [String: JSONValue] =
            json["message"]?.objectValue ?? ["type": "text", "text": ["body": json["text"] ?? "Hello"]]
        let id = admission.takeInbound(from: recipient, phoneNumberID: number)
        post(
            events.message(
                id,
                from: recipient,
                name: json["name"]?.stringValue ?? "Contact",
                to: number,
                content: content,
                at: Self.seconds
            )
        )
        return Self.answer(Array("{\"id\":\"\(id)\"}".utf8))
    }

    /// Posts a choice in WhatsApp's own settings, `{"from", "phoneNumberId", "value"}`; after `stop` marketing fails.
    func preference(_ request: Request) async throws -> Response {
        let (json, recipient, number) = try await read(request)
        guard let recipient, let number, let value = json["value"]?.stringValue, ["stop", "resume"].contains(value)
        else { return try refused(Self.incomplete("the preference")) }
        admission.prefer(value == "resume", recipient)
        post(events.preference(recipient, value: value, to: number, at: Self.seconds))
        return Self.answer(Array("{}".utf8))
    }

    /// Posts any change: `{"field", "value"}`, with `"account"` for another account.
    func event(_ request: Request) async throws -> Response {
        let (json, _, _) = try await read(request)
        guard let field = json["field"]?.stringValue, let value = json["value"] else {
            return try refused(Self.incomplete("the event"))
        }
        post(events.body(field: field, value: value, at: Self.seconds, account: json["account"]?.stringValue))
        return Self.answer(Array("{}".utf8))
    }

    private var events: EventPayload {
        EventPayload(accountID: configuration.accountID, displayPhoneNumber: configuration.displayPhoneNumber)
    }

    private static var seconds: Int64 { MonotonicTime.wall() / 1_000 }

    private func post(_ body: [UInt8]) { queue.post(body, now: MonotonicTime.now()) }

    private func read(_ request: Request) async throws -> (json: JSONValue, from: Recipient?, number: String?) {
        let body = try await request.body.collect(upTo: Self.longestBody)
        // A body that is not JSON lacks all keys, and is refused for that.
        let json = (try? JSONValue(parsing: body.readableBytesView)) ?? .null
        let from = json["from"]?.stringValue
        let recipient = from.flatMap { Recipient(to: $0, requiresPlus: false) ?? Recipient(id: $0, kind: .user) }
        return (json, recipient, json["phoneNumberId"]?.stringValue)
    }

    private static func incomplete(_ what: String) -> SimulatorError {
        .unreadable(what: what, reason: "a key is missing or has a wrong value")
    }
}
