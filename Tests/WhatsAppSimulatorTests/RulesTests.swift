import Foundation
import Testing
import WhatsAppSimulator

/// The rules of the real service that are off by default.
struct RulesTests {
    private static func with(
        _ rules: SimulatorRules,
        _ body: @Sendable (Simulator, Caller, WebhookReceiver) async throws -> Void
    ) async throws {
        try await WebhookReceiver.withRunning { receiver, url in
            var configuration = SimulatorConfiguration()
            configuration.rules = rules
            configuration.webhooks.url = url
            configuration.webhooks.appSecret = "secret"
            configuration.webhooks.deliveredShare = 1
            configuration.webhooks.readShare = 1
            configuration.webhooks.failedShare = 0
            configuration.webhooks.sentDelay = .zero ... .milliseconds(5)
            configuration.webhooks.deliveredDelay = .milliseconds(5) ... .milliseconds(10)
            configuration.webhooks.readDelay = .milliseconds(5) ... .milliseconds(10)
            try await Simulator.withRunning(configuration: configuration, logger: .quiet) { simulator in
                try await body(simulator, try Caller(simulator), receiver)
            }
        }
    }

    private static func template(_ components: String, name: String = "offer", to number: String = "+254711000001")
        -> String
    {
        """
        {"messaging_product":"whatsapp","to":"\(number)","type":"template","template":{"name":"\(name)",\
        "language":{"code":"en_US"},"components":[\(components)]}}
        """
    }

    private static let one = #"{"type":"body","parameters":[{"type":"text","text":"Ana"}]}"#

    /// A window belongs to a contact and a number.
    @Test func freeTextNeedsTheWindowOfItsNumber() async throws {
        var rules = SimulatorRules()
        rules.closesWindows = true
        try await Self.with(rules) { _, caller, receiver in
            let phone = "+5531987654321"
            let inbound = try await caller.call(
                .POST,
                "/_simulator/inbound",
                #"{"from":"553187654321","phoneNumberId":"1"}"#
            )
            #expect(inbound.status == 200, "\(inbound.text)")
            let open = try await caller.text(to: phone, sender: "1")
            let closed = try await caller.text(to: phone, sender: "2")
            #expect(try await eventually { receiver.statuses.count == 5 })
            let failed = receiver.statuses.filter { $0.status == "failed" }
            #expect(failed.map(\.id) == [closed.wamid] && failed.first?.errors?.first?.code == 131_047)
            #expect(receiver.statuses.filter { $0.id == open.wamid }.count == 3)
        }
    }

    @Test(arguments: [
        ("+5531987654321", "553187654321"), ("+5511987654321", "5511987654321"), ("+525512345678", "5215512345678"),
        ("+541123456789", "5491123456789"), ("+254711000001", "254711000001"),
    ])
    func numbersGetTheFormOfWhatsApp(number: String, waID: String) async throws {
        var rules = SimulatorRules()
        rules.rewritesNumbers = true
        try await Self.with(rules) { _, caller, receiver in
            let answer = try await caller.text(to: number)
            #expect(answer.text.contains(#""input":"\#(number)","wa_id":"\#(waID)""#), "\(answer.text)")
            #expect(try await eventually { receiver.statuses.count == 3 })
            #expect(receiver.statuses.allSatisfy { $0.recipient_id == waID })
        }
    }

    @Test func statusesNameContactsAndFailuresOnlyTheirNumber() async throws {
        var rules = SimulatorRules()
        rules.namesContacts = true
        rules.closesWindows = true
        rules.acceptsPlainNumbers = true
        try await Self.with(rules) { _, caller, receiver in
            let template = Self.template(Self.one, to: "254711000001")
            let answers = [
                try await caller.post(template), try await caller.text(to: "+254711000002"),
            ]
            #expect(answers.map(\.status) == [200, 200])
            #expect(try await eventually { receiver.statuses.count == 5 })
            let bodies = receiver.deliveries.map { String(decoding: $0.body, as: UTF8.self) }.joined()
            #expect(bodies.contains(#""contacts":[{"wa_id":"254711000001","user_id":"KE."#), "\(bodies)")
            #expect(bodies.contains(#""contacts":[{"wa_id":"254711000002"}],"statuses""#))
            #expect(bodies.contains(#""recipient_user_id":"KE."#))
        }
    }

    @Test(arguments: [
        (Self.one, "offer", nil),
        ("", "offer", 132_000),
        (Self.one + "," + Self.one, "offer", 132_000),
        (Self.one, "other", 132_001),
        (#"{"type":"body","parameters":[{"type":"text","text":"a\nb"}]}"#, "offer", 132_018),
        (#"{"type":"body","parameters":[{"type":"text","text":""}]}"#, "offer", 131_008),
        (#"{"type":"body","parameters":[{"type":"image","image":{"id":"1"}}]}"#, "offer", 132_012),
        (#"{"type":"header","parameters":[{"type":"text","text":"x"}]},"# + Self.one, "offer", 132_000),
        (Self.one, "paused", 132_015), (Self.one, "disabled", 132_016), (Self.one, "pending", 132_001),
        (Self.one, "link", 131_008), (Self.one, "picture", 132_012), (Self.one, "named", 100),
        (#"{"type":"body","parameters":[{"type":"text","parameter_name":"first","text":"x"}]}"#, "named", nil),
        (#"{"type":"body","parameters":[{"type":"text","parameter_name":"last","text":"x"}]}"#, "named", 132_012),
    ])
    func parametersMustFitTheTemplate(components: String, name: String, code: Int?) async throws {
        let json = """
            {"templates":[
                {"name":"offer","language":"en_US","parameters":["1"]},
                {"name":"paused","language":"en_US","parameters":["1"],"status":"PAUSED"},
                {"name":"disabled","language":"en_US","parameters":["1"],"status":"DISABLED"},
                {"name":"pending","language":"en_US","parameters":["1"],"status":"PENDING"},
                {"name":"link","language":"en_US","parameters":["1"],"buttons":["quick_reply","url"]},
                {"name":"picture","language":"en_US","parameters":["1"],"header":"image"},
                {"name":"named","language":"en_US","parameters":["first"]}
            ]}
            """
        try await Self.with(try SimulatorRules(json: Data(json.utf8))) { _, caller, _ in
            let answer = try await caller.post(Self.template(components, name: name))
            #expect(answer.code == code, "\(answer.text)")
        }
    }

    @Test(arguments: [("APPROVED", false), ("PAUSED", true)])
    func heldMessagesWaitForTheStatusOfTheirTemplate(status: String, fails: Bool) async throws {
        @Sendable func rules(_ status: String) -> String {
            #"{"templates":[{"name":"offer","language":"en_US","parameters":["1"],"status":"\#(status)"}]}"#
        }
        try await Self.with(try SimulatorRules(json: Data(rules("HELD").utf8))) { _, caller, receiver in
            let answer = try await caller.post(Self.template(Self.one))
            #expect(answer.text.contains("held_for_quality_assessment"))
            #expect(try await caller.call(.PUT, "/_simulator/rules", rules(status)).status == 200)
            #expect(try await eventually { receiver.statuses.count == (fails ? 2 : 3) })
            #expect(receiver.statuses.last?.errors?.first?.code == (fails ? 132_015 : nil))
            // The report of the template is a webhook of its own, and may be the later one.
            let isTold = try await eventually {
                receiver.deliveries.contains {
                    String(decoding: $0.body, as: UTF8.self).contains(#""message_template_language":"en-US""#)
                }
            }
            #expect(isTold)
        }
    }

    @Test func peopleHaveACapAndMayStopMarketing() async throws {
        var rules = SimulatorRules()
        rules.marketingPerDay = 1
        try await Self.with(rules) { _, caller, receiver in
            _ = try await caller.post(Self.template(Self.one))
            _ = try await caller.post(Self.template(Self.one))
            let stop = #"{"from":"+254711000002","phoneNumberId":"1","value":"stop"}"#
            #expect(try await caller.call(.POST, "/_simulator/preference", stop).status == 200)
            _ = try await caller.post(Self.template(Self.one, to: "+254711000002"))
            #expect(try await eventually { receiver.statuses.count == 7 })
            let codes = receiver.statuses.compactMap { $0.errors?.first?.code }
            #expect(codes.sorted() == [131_049, 131_050])
        }
    }

    @Test func marksAsReadCountNowhere() async throws {
        try await Self.with(SimulatorRules()) { simulator, caller, _ in
            let mark = #"{"messaging_product":"whatsapp","status":"read","message_id":"wamid.X"}"#
            let answer = try await caller.post(mark)
            #expect(answer.status == 200 && answer.text == #"{"success":true}"#)
            #expect(try await caller.post(mark.replacing("wamid.X", with: "X")).code == 131_009)
            #expect(simulator.summary().accepted == 0)
        }
    }

    @Test func mediaBelongToTheirNumber() async throws {
        var rules = SimulatorRules()
        rules.checksMedia = true
        try await Self.with(rules) { _, caller, _ in
            let form =
                "--b\r\nContent-Disposition: form-data; name=\"messaging_product\"\r\n\r\nwhatsapp\r\n--b\r\n"
                + "Content-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n"
                + "12345\r\n--b--\r\n"
            let headers = ["authorization": "Bearer token", "content-type": "multipart/form-data; boundary=b"]
            let answer = try await caller.call(.POST, "/v23.0/1/media", form, headers: headers)
            let id = String(answer.text.filter(\.isNumber))
            #expect(id.count == 15, "\(answer.text)")
            let item = try await caller.call(.GET, "/v23.0/\(id)")
            #expect(item.text.contains(#""mime_type":"image/png""#) && item.text.contains(#""file_size":"5""#))
            func image(_ id: String) -> String {
                #"{"messaging_product":"whatsapp","to":"+254711000001","type":"image","image":{"id":"\#(id)"}}"#
            }
            #expect(try await caller.post(image(id), sender: "1").status == 200)
            #expect(try await caller.post(image(id), sender: "2").code == 131_009)
            #expect(try await caller.post(image("7"), sender: "1").code == 131_009)
        }
    }

    @Test func aNumberThatDoesNotExistIsAnsweredWithItsSubcode() async throws {
        var configuration = SimulatorConfiguration()
        configuration.knownNumbers = ["1"]
        try await Simulator.withRunning(configuration: configuration, logger: .quiet) { simulator in
            let caller = try Caller(simulator)
            let answer = try await caller.call(.GET, "/v23.0/2")
            #expect(answer.code == 100 && answer.text.contains(#""error_subcode":33"#), "\(answer.text)")
            #expect(try await caller.call(.GET, "/v23.0/1").status == 200)
        }
    }

    @Test(arguments: [#"{"closeWindows":true}"#, #"{"templates":[{"name":"x"}]}"#, #"{"marketingPerDay":0}"#, "[]"])
    func refusesRulesThatItDoesNotKnow(json: String) throws {
        #expect(throws: SimulatorError.self) { try SimulatorRules(json: Data(json.utf8)) }
    }
}
