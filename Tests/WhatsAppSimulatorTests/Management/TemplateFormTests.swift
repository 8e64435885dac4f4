import Foundation
import JSON
import Testing
import WhatsAppSimulator

/// The mistakes that the creation of a template refuses, and the form in which components come back.
struct TemplateFormTests {
    private static let long = String(repeating: "a", count: 1_025)
    private static let body = ManagementStage.body("Hi, we are open.")

    private static func buttons(_ list: String) -> String { #"\#(body),{"type":"BUTTONS","buttons":[\#(list)]}"# }

    private static let refused: [(components: String, subcode: Int?)] = [
        (#"{"type":"FOOTER","text":"Bye"}"#, 2_388_043),
        (ManagementStage.body(long), 2_388_040),
        (ManagementStage.body("Hi {{1}}, we are open."), 2_388_043),
        (ManagementStage.body("{{1}} is open.", example: #""Ana""#), 2_388_299),
        (ManagementStage.body("We are open, {{1}}!", example: #""Ana""#), 2_388_299),
        (ManagementStage.body("Hi {{1}} {{2}} {{3}} you", example: #""a","b","c""#), 2_388_293),
        (ManagementStage.body("Hi {{2}}, we are open.", example: #""Ana""#), 2_388_072),
        (#"{"type":"HEADER","format":"TEXT","text":"\#(long)"},\#(body)"#, 2_388_040),
        (#"{"type":"HEADER","format":"SONG"},\#(body)"#, 2_388_047),
        (#"{"type":"HEADER","format":"IMAGE"},\#(body)"#, 2_388_043),
        (#"{"type":"HEADER","format":"IMAGE","example":{"header_handle":["123456789"]}},\#(body)"#, 2_388_273),
        (#"\#(body),{"type":"FOOTER","text":"Bye {{1}}"}"#, 2_388_073),
        (#"\#(body),{"type":"FOOTER","text":"\#(long)"}"#, 2_388_040),
        (buttons(#"{"type":"QUICK_REPLY","text":"Yes 🎉"}"#), 2_388_060),
        (buttons(#"{"type":"QUICK_REPLY","text":"Yes {{1}}"}"#), 2_388_060),
        (buttons(#"{"type":"URL","text":"Go","url":"https://a.example/{{1}}"}"#), 2_388_043),
        (
            buttons(
                #"{"type":"PHONE_NUMBER","text":"A","phone_number":"+1"},{"type":"PHONE_NUMBER","text":"B","phone_number":"+2"}"#
            ), nil
        ),
        (
            buttons(
                #"{"type":"QUICK_REPLY","text":"A"},{"type":"URL","text":"B","url":"https://b.example"},{"type":"QUICK_REPLY","text":"C"}"#
            ), nil
        ),
        (buttons(#"{"type":"OTP","otp_type":"COPY_CODE"}"#), nil),
        (buttons(#"{"type":"MPM","text":"A"},{"type":"MPM","text":"B"}"#), nil),
        (buttons(#"{"type":"REQUEST_CONTACT_INFO","text":"Tell me"}"#), nil),
        (buttons(#"{"type":"QUICK_REPLY","text":"A"}"#) + #",{"type":"CALL_PERMISSION_REQUEST"}"#, nil),
        (#"\#(body),{"type":"BODY","text":"Again"}"#, nil),
    ]

    @Test(arguments: refused.indices)
    func mistakesHaveTheirSubcodes(index: Int) async throws {
        let (components, subcode) = Self.refused[index]
        try await ManagementStage.with { stage in
            let answer = try await stage.create(ManagementStage.template("offer", components))
            #expect(answer.status == 400 && answer.code == 100 && answer.subcode == subcode, "\(answer.text)")
            #expect(answer.json["error"]?["error_user_msg"]?.stringValue?.isEmpty == false)
        }
    }

    @Test(arguments: [
        #"{"name":"Offer","language":"en_US","category":"MARKETING","components":[]}"#,
        #"{"name":"offer","language":"en_US","category":"SALE","components":[]}"#,
        #"{"name":"offer","language":"english","category":"MARKETING","components":[]}"#,
        #"{"name":"offer","language":"en_US","category":"UTILITY","message_send_ttl_seconds":5,"components":[]}"#,
        #"{"name":"offer"}"#, "{}", "[]", "{",
    ])
    func otherMistakesHaveNone(body: String) async throws {
        try await ManagementStage.with { stage in
            let answer = try await stage.create(body)
            #expect(answer.status == 400 && answer.code == 100, "\(answer.text)")
        }
    }

    @Test func authenticationNeedsVerificationAndComesBackAsAnAddress() async throws {
        let components = """
            {"type":"body","add_security_recommendation":true},{"type":"footer","code_expiration_minutes":5},
            {"type":"buttons","buttons":[{"type":"otp","otp_type":"copy_code"}]}
            """
        let body = ManagementStage.template("code", category: "AUTHENTICATION", components)
        try await ManagementStage.with { stage in
            let id = try #require(try await stage.create(body).json["id"]?.stringValue)
            let parts = try await stage.read(id)["components"]
            let button = parts?[2]?["buttons"]?[0]
            #expect(button?["type"] == "URL" && button?["url"]?.stringValue?.hasSuffix("otp{{1}}") == true)
            #expect(parts?[0]?["text"]?.stringValue?.hasPrefix("*{{1}}* is your verification code.") == true)
        }
        var settings = ManagementStage.slow
        settings.isVerified = false
        settings.templateLimit = 1
        try await ManagementStage.with(settings) { stage in
            let refused = try await stage.create(body)
            #expect(refused.code == 10 && refused.subcode == 2_388_185)
            _ = try await stage.create(named: "one")
            #expect(try await stage.create(ManagementStage.template("two")).subcode == 2_388_019)
        }
    }

    @Test func componentsComeBackInUpperCaseWithWholeExamples() async throws {
        let components = """
            {"type":"header","format":"text","text":"Hello {{1}}","example":{"header_text":["Ana"]}},
            {"type":"body","text":"Dear {{1}}, come in.","example":{"body_text":["Ana"]}},
            {"type":"buttons","buttons":[{"type":"url","text":"Go","url":"https://a.example/{{1}}","example":["spring"]}]}
            """
        try await ManagementStage.with { stage in
            let answer = try await stage.create(ManagementStage.template("offer", components))
            let id = try #require(answer.json["id"]?.stringValue, "\(answer.text)")
            let parts = try await stage.read(id)["components"]
            #expect(parts?[0]?["type"] == "HEADER" && parts?[0]?["format"] == "TEXT")
            #expect(parts?[1]?["example"] == ["body_text": [["Ana"]]])
            #expect(parts?[2]?["buttons"]?[0]?["example"] == ["https://a.example/spring"])
            stage.simulator.advanceClock(by: .seconds(3_600))
            let text = #"{"type":"text","text":"Ana"}"#
            let sent = """
                {"type":"header","parameters":[\(text)]},{"type":"body","parameters":[\(text)]},
                {"type":"button","sub_type":"url","index":"0","parameters":[\(text)]}
                """
            #expect(try await stage.send("offer", components: sent).status == 200)
            #expect(try await stage.send("offer").code == 132_012)
        }
    }
}
