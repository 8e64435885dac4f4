import Foundation
import JSON
import Testing
import WhatsAppSimulator

/// A simulator with templates, a receiver of webhooks, and a clock that tests move.
struct ManagementStage: Sendable {
    static let account = "102290129340398"

    let simulator: Simulator
    let caller: Caller
    let receiver: WebhookReceiver

    static func with(
        _ settings: ManagementSettings = slow,
        ledger: String? = nil,
        numbers: Set<String> = [],
        _ body: @Sendable (ManagementStage) async throws -> Void
    ) async throws {
        try await WebhookReceiver.withRunning { receiver, url in
            var configuration = SimulatorConfiguration()
            configuration.management = settings
            configuration.ledgerPath = ledger
            configuration.knownNumbers = numbers
            configuration.webhooks.url = url
            configuration.webhooks.appSecret = "secret"
            try await Simulator.withRunning(configuration: configuration, logger: .quiet) { simulator in
                try await body(
                    ManagementStage(simulator: simulator, caller: try Caller(simulator), receiver: receiver)
                )
            }
        }
    }

    /// Settings with reviews that end only when a test moves the clock.
    static var slow: ManagementSettings {
        var settings = ManagementSettings()
        settings.reviewSeconds = 3_600
        settings.webhookLagSeconds = 0
        settings.callsPerHour = 10_000
        return settings
    }

    /// The changes of a field that have arrived.
    func changes(_ field: String) -> [JSONValue] {
        receiver.deliveries.flatMap { delivery in
            let json = (try? JSONValue(parsing: delivery.body)) ?? .null
            let changes = (json["entry"]?.arrayValue ?? []).flatMap { $0["changes"]?.arrayValue ?? [] }
            return changes.filter { $0["field"]?.stringValue == field }.compactMap { $0["value"] }
        }
    }

    /// Waits for as many changes of a field, and returns them.
    func changes(_ field: String, count: Int) async throws -> [JSONValue] {
        #expect(try await eventually { changes(field).count >= count })
        return changes(field)
    }

    static func body(_ text: String, example: String = "") -> String {
        #"{"type":"body","text":"\#(text)"\#(example.isEmpty ? "" : #","example":{"body_text":[[\#(example)]]}"#)}"#
    }

    static func template(
        _ name: String,
        language: String = "en_US",
        category: String = "MARKETING",
        _ components: String = body("Hi, the shop is open."),
        more: String = ""
    ) -> String {
        #"{"name":"\#(name)","language":"\#(language)","category":"\#(category)","components":[\#(components)]\#(more)}"#
    }

    func create(_ body: String) async throws -> Caller.Answer {
        try await caller.call(.POST, "/v23.0/\(Self.account)/message_templates", body)
    }

    /// Creates a template that must be accepted, and returns its id.
    func create(named name: String, language: String = "en_US", category: String = "MARKETING") async throws -> String {
        let answer = try await create(Self.template(name, language: language, category: category))
        return try #require(answer.json["id"]?.stringValue, "\(answer.text)")
    }

    /// Creates a template and has it approved.
    func approved(_ name: String, language: String = "en_US", category: String = "MARKETING") async throws -> String {
        let id = try await create(named: name, language: language, category: category)
        simulator.advanceClock(by: .seconds(3_600))
        return id
    }

    func edit(_ id: String, _ body: String) async throws -> Caller.Answer {
        try await caller.call(.POST, "/v23.0/\(id)", body)
    }

    func delete(_ query: String) async throws -> Caller.Answer {
        try await caller.call(.DELETE, "/v23.0/\(Self.account)/message_templates?\(query)")
    }

    func read(_ id: String, fields: String = "") async throws -> JSONValue {
        try await caller.call(.GET, "/v23.0/\(id)" + (fields.isEmpty ? "" : "?fields=\(fields)")).json
    }

    func list(_ query: String = "") async throws -> JSONValue {
        try await caller.call(.GET, "/v23.0/\(Self.account)/message_templates?\(query)").json
    }

    func control(_ kind: String, _ body: String) async throws -> Caller.Answer {
        try await caller.call(.POST, "/_simulator/\(kind)", body)
    }

    func send(_ name: String, language: String = "en_US", components: String = "") async throws -> Caller.Answer {
        try await caller.post(
            """
            {"messaging_product":"whatsapp","to":"+254711000001","type":"template","template":{"name":"\(name)",\
            "language":{"code":"\(language)"},"components":[\(components)]}}
            """
        )
    }
}
