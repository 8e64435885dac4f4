import Foundation
import Testing
import WhatsAppSimulator

struct RequestFormTests {
    /// A request that must be refused, and how.
    struct Mistake: Sendable, CustomTestStringConvertible {
        let name: String
        let body: String
        let code: Int
        var testDescription: String { name }

        init(_ name: String, _ code: Int, _ body: String) {
            self.name = name
            self.code = code
            self.body = body
        }

        /// A mistake in the template of an otherwise good request.
        static func template(_ name: String, _ code: Int, _ template: String) -> Mistake {
            Mistake(
                name,
                code,
                #"{"messaging_product":"whatsapp","to":"+5511999990000","type":"template","template":"# + template + "}"
            )
        }

        /// A mistake in one component of an otherwise good template.
        static func component(_ name: String, _ code: Int, _ component: String) -> Mistake {
            template(name, code, #"{"name":"a","language":{"code":"en"},"components":["# + component + "]}")
        }

        /// A mistake in one parameter of an otherwise good body.
        static func parameter(_ name: String, _ code: Int, _ parameter: String) -> Mistake {
            component(name, code, #"{"type":"body","parameters":["# + parameter + "]}")
        }
    }

    private static let start = #"{"messaging_product":"whatsapp","to":"+5511999990000","#

    @Test(arguments: [
        Mistake("no JSON", 100, "{"),
        Mistake("no object", 100, "[]"),
        Mistake("no product", 100, #"{"to":"+5511999990000","text":{"body":"a"}}"#),
        Mistake("another product", 100, #"{"messaging_product":"sms","to":"+5511999990000","text":{"body":"a"}}"#),
        Mistake("no recipient", 100, #"{"messaging_product":"whatsapp","text":{"body":"a"}}"#),
        Mistake("number as recipient", 100, #"{"messaging_product":"whatsapp","to":5511999990000}"#),
        Mistake("no plus", 131_009, #"{"messaging_product":"whatsapp","to":"5511999990000","text":{"body":"a"}}"#),
        Mistake("letters", 131_009, #"{"messaging_product":"whatsapp","to":"+55abc","text":{"body":"a"}}"#),
        Mistake("short number", 131_009, #"{"messaging_product":"whatsapp","to":"+12345","text":{"body":"a"}}"#),
        Mistake(
            "long number",
            131_009,
            #"{"messaging_product":"whatsapp","to":"+1234567890123456","text":{"body":"a"}}"#
        ),
        Mistake("kind of recipient", 131_009, start + #""recipient_type":"all","text":{"body":"a"}}"#),
        Mistake("unknown type", 131_051, start + #""type":"hologram"}"#),
        Mistake("no text", 131_008, start + #""type":"text"}"#),
        Mistake("no text body", 131_008, start + #""type":"text","text":{}}"#),
        Mistake("empty text body", 131_008, start + #""type":"text","text":{"body":""}}"#),
        Mistake("long text", 100, start + #""text":{"body":""# + String(repeating: "ä", count: 4_097) + #""}}"#),
        Mistake(
            "long callback data",
            100,
            start + #""text":{"body":"a"},"biz_opaque_callback_data":""# + String(repeating: "a", count: 513) + #""}"#
        ),
        Mistake("no image", 131_008, start + #""type":"image"}"#),
        Mistake("image from nowhere", 131_008, start + #""type":"image","image":{}}"#),
        Mistake("no template", 131_008, start + #""type":"template"}"#),
        .template("no template name", 131_008, #"{"language":{"code":"en"}}"#),
        .template("upper case template name", 131_009, #"{"name":"Hello","language":{"code":"en"}}"#),
        .template("no language", 131_008, #"{"name":"a"}"#),
        .template("no language code", 131_008, #"{"name":"a","language":{}}"#),
        .template("odd language code", 131_009, #"{"name":"a","language":{"code":"english"}}"#),
        .template("odd language policy", 131_009, #"{"name":"a","language":{"code":"en","policy":"fallback"}}"#),
        .template("components as object", 100, #"{"name":"a","language":{"code":"en"},"components":{}}"#),
        .component("no component type", 131_008, "{}"),
        .component("unknown component type", 131_009, #"{"type":"footer"}"#),
        .component("button without kind", 131_008, #"{"type":"button","index":0}"#),
        .component("button of unknown kind", 131_009, #"{"type":"button","sub_type":"red","index":0}"#),
        .component("button without place", 131_008, #"{"type":"button","sub_type":"url"}"#),
        .component("button out of place", 131_009, #"{"type":"button","sub_type":"url","index":"10"}"#),
        .parameter("no parameter type", 131_008, #"{"text":"a"}"#),
        .parameter("unknown parameter type", 131_009, #"{"type":"audio"}"#),
        .parameter("no parameter text", 131_008, #"{"type":"text"}"#),
        .parameter("empty parameter text", 131_008, #"{"type":"text","text":""}"#),
        .parameter("new line in a parameter", 132_018, #"{"type":"text","text":"a\nb"}"#),
        .parameter("number as text", 100, #"{"type":"text","text":1}"#),
        .parameter("half a currency", 131_008, #"{"type":"currency","currency":{"code":"EUR"}}"#),
        .parameter("date without fallback", 131_008, #"{"type":"date_time","date_time":{}}"#),
        .parameter("image from nowhere in a header", 131_008, #"{"type":"image","image":{}}"#),
        .parameter(
            "names and places mixed",
            100,
            #"{"type":"text","text":"a","parameter_name":"b"},{"type":"text","text":"c"}"#
        ),
    ])
    func refusesWithTheRightCode(_ mistake: Mistake) async throws {
        try await Simulator.withRunning(logger: .quiet) { simulator in
            let answer = try await Caller(simulator).post(mistake.body)
            #expect(answer.status == 400)
            let failure = try JSONDecoder().decode(Caller.Failure.self, from: answer.body).error
            #expect(failure.code == mistake.code)
            #expect(failure.message.hasPrefix("(#\(mistake.code)) "))
            #expect(failure.type == "OAuthException")
            #expect(failure.error_data?.details.isEmpty == false)
            #expect(simulator.summary().rejectedByCode == [mistake.code: 1])
        }
    }

    @Test func takesATemplateWithEveryKindOfParameter() async throws {
        let body = #"""
            {"messaging_product":"whatsapp","recipient_type":"individual","to":"+55 (11) 99999-0000","type":"template",
            "template":{"name":"order_update","language":{"code":"pt_BR","policy":"deterministic"},"components":[
            {"type":"header","parameters":[{"type":"image","image":{"id":"1"}}]},
            {"type":"body","parameters":[{"type":"text","text":"Ana"},
            {"type":"currency","currency":{"fallback_value":"1","code":"USD","amount_1000":1000}},
            {"type":"date_time","date_time":{"fallback_value":"today"}}]},
            {"type":"button","sub_type":"url","index":"0","parameters":[{"type":"text","text":"x"}]},
            {"type":"button","sub_type":"quick_reply","index":1,"parameters":[{"type":"payload","payload":"y"}]}]}}
            """#
        try await Simulator.withRunning(logger: .quiet) { simulator in
            let answer = try await Caller(simulator).post(body)
            #expect(answer.status == 200)
            let acceptance = try JSONDecoder().decode(Caller.Acceptance.self, from: answer.body)
            #expect(acceptance.messaging_product == "whatsapp")
            #expect(acceptance.contacts == [.init(input: "+55 (11) 99999-0000", wa_id: "5511999990000", user_id: nil)])
            #expect(acceptance.messages.map(\.message_status) == ["accepted"])
            #expect(acceptance.messages.first?.id.hasPrefix("wamid.") == true)
        }
    }

    @Test func takesATextWithoutAVersionInThePath() async throws {
        try await Simulator.withRunning(logger: .quiet) { simulator in
            let caller = try Caller(simulator)
            let answer = try await caller.call(.POST, "/\(Caller.sender)/messages", Caller.text(to: "+5511999990000"))
            #expect(answer.status == 200)
            #expect(!answer.text.contains("message_status"))
            #expect(simulator.acceptedCount(of: "+55 11 99999 0000") == 1)
        }
    }

    @Test func takesAUserIDInsteadOfANumber() async throws {
        try await Simulator.withRunning(logger: .quiet) { simulator in
            let answer = try await Caller(simulator).post(
                #"{"messaging_product":"whatsapp","recipient":"US.1349","type":"text","text":{"body":"a"}}"#
            )
            let acceptance = try JSONDecoder().decode(Caller.Acceptance.self, from: answer.body)
            #expect(acceptance.contacts == [.init(input: "US.1349", wa_id: nil, user_id: "US.1349")])
        }
    }

    @Test func letsInOnlyConfiguredTokens() async throws {
        var configuration = SimulatorConfiguration()
        configuration.acceptedTokens = ["good"]
        try await Simulator.withRunning(configuration: configuration, logger: .quiet) { simulator in
            let caller = try Caller(simulator)
            let body = Caller.text(to: "+5511999990000")
            for header in ["Bearer bad", "Bearer ", "Basic good", ""] {
                let answer = try await caller.call(
                    .POST,
                    "/v23.0/1/messages",
                    body,
                    headers: ["authorization": header, "content-type": "application/json"]
                )
                #expect(answer.status == 401)
                #expect(answer.code == 190)
            }
            let answer = try await caller.call(
                .POST,
                "/v23.0/1/messages",
                body,
                headers: ["authorization": "Bearer good", "content-type": "application/json; charset=utf-8"]
            )
            #expect(answer.status == 200)
        }
    }

    @Test func wantsJSONAndKnowsItsPaths() async throws {
        try await Simulator.withRunning(logger: .quiet) { simulator in
            let caller = try Caller(simulator)
            let body = Caller.text(to: "+5511999990000")
            let form = try await caller.call(.POST, "/1/messages", body, headers: ["authorization": "Bearer a"])
            #expect(form.code == 100)
            #expect(try await caller.call(.POST, "/v23.0/abc/messages", body).status == 400)
            #expect(try await caller.call(.POST, "/v23.0/1/marketing_messages", body).code == 134_100)
            let number = try await caller.call(.GET, "/v23.0/\(Caller.sender)?fields=quality_rating")
            #expect(number.text == #"{"id":"106540352242922","quality_rating":"GREEN"}"#)
        }
    }
}
