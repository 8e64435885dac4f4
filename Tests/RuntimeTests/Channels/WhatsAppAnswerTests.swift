import Foundation
import Logging
import NIOCore
import NIOHTTP1
import OneShotHTTP
import Settings
import Store
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Runtime

/// Classification of responses, and of missing ones.
struct WhatsAppAnswerTests {
    private func answer(_ status: Int, _ body: String, headers: HTTPHeaders = [:]) -> SendAnswer {
        WhatsAppChannel.answer(status: status, headers: headers, body: ByteBuffer(string: body))
    }

    @Test(arguments: [200, 201, 202])
    func anAcceptedMessageHasAnID(status: Int) {
        let body =
            #"{"messaging_product":"whatsapp","contacts":[{"input":"+1","wa_id":"1"}],"messages":[{"id":"wamid.1","message_status":"accepted"}]}"#
        #expect(answer(status, body) == .accepted(waMessageID: "wamid.1"))
    }

    @Test(arguments: [
        #"{"messages":[{"id":"wamid.1"}]}"#,
        #" { "contacts" : [ { "wa_id" : null , "n" : [ 1 , true ] } ] , "messages" : [ { "a" : {"b":"c"} , "id" : "wamid.1" } ] } "#,
        #"{"messages":[{"id":"wamid.1"},{"id":"wamid.2"}]}"#,
        #"{"messages":[{"id":"wamid\u002e1"}]}"#,
        #"{"other":"a \"quoted\" word, and -1.5e3","number":-1.5e3,"empty":[],"none":{},"messages":[{"id":"wamid.1"}]}"#,
    ])
    func theIDIsFoundInUnusualAnswers(body: String) {
        #expect(answer(200, body) == .accepted(waMessageID: "wamid.1"))
    }

    @Test(arguments: [
        "", "{}", "<html>", #"{"messages":[]}"#, #"{"messages":[{}]}"#, #"{"messages":[{"id":"wam"#,
        #"{"messages":[{"id":"wamid.1"}]"#, #"{"messages":[{"id":"wamid.1"}]}}"#, #"{"id":"wamid.1","messages":[]}"#,
        #"{"messages":[{"id":1}]}"#, #"{"a":{"messages":[{"id":"wamid.1"}]}}"#,
    ])
    func aSuccessThatCannotBeReadIsNoRefusal(body: String) {
        #expect(answer(200, body) == .lost("HTTP 200 without a message id"))
    }

    @Test(arguments: [
        #"{"messages":[{"id":"wamid.1","message_status":"held_for_quality_assessment"}]}"#,
        #"{"messages":[{"message_status":"held_for_quality_assessment","id":"wamid.1"},{"id":"wamid.2"}]}"#,
        #"{"messages":[{"id":"wamid\u002e1","message_status":"held_for_quality_assessment"}]}"#,
    ])
    func aMessageThatIsHeldBackSaysSo(body: String) {
        let held = SendAnswer.accepted(waMessageID: "wamid.1", messageStatus: "held_for_quality_assessment")
        #expect(answer(200, body) == held)
    }

    @Test func anErrorObjectWithStatus200IsARefusal() {
        let body = #"{"error":{"message":"(#131026) Message undeliverable","code":131026}}"#
        guard case .refused(let refusal) = answer(200, body) else {
            Issue.record("not refused")
            return
        }
        #expect(refusal.code == 131026 && refusal.scope == .recipient)
    }

    @Test func aPageWithStatus200PausesTheCampaignAndLeavesTheMessageInDoubt() {
        guard case .refused(let refusal) = answer(200, "<html>", headers: ["Content-Type": "text/html"]) else {
            Issue.record("not refused")
            return
        }
        #expect(refusal.scope == .sender && refusal.errorClass == .ambiguous)
    }

    @Test func anErrorObjectTellsCodeAndDetails() {
        let body =
            #"{"error":{"message":"(#130429) Rate limit","type":"OAuthException","code":130429,"error_data":{"messaging_product":"whatsapp","details":"too fast"},"fbtrace_id":"A"}}"#
        #expect(answer(400, body) == .refused(httpStatus: 400, code: 130429, message: "too fast", retryAfter: nil))
        let plain = #"{"error":{"message":"(#190) expired","code":190}}"#
        #expect(answer(401, plain) == .refused(httpStatus: 401, code: 190, message: "(#190) expired", retryAfter: nil))
    }

    @Test(arguments: ["", "<html>502</html>", "{}", #"{"error":"text"}"#])
    func withoutAnErrorObjectTheStatusDecides(body: String) {
        #expect(answer(502, body) == .refused(httpStatus: 502, code: nil, message: "HTTP 502", retryAfter: nil))
    }

    @Test(
        arguments: [
            ("30", 30), ("0", 0), ("-5", 0), ("9223372036854775807", 86_400), ("Wed, 21 Oct 2026 07:28:00 GMT", nil),
            ("", nil),
            ("99999999999999999999999", nil),
        ] as [(String, Int?)]
    )
    func retryAfterIsReadWithinReason(header: String, expected: Int?) {
        let expected = SendAnswer.refused(
            httpStatus: 429,
            code: nil,
            message: "HTTP 429",
            retryAfter: expected.map { .seconds($0) }
        )
        #expect(answer(429, "", headers: ["Retry-After": header]) == expected)
    }

    @Test func aRefusedConnectionMeansNotWritten() async throws {
        let answer = try await send(to: "http://127.0.0.1:1/v23.0")
        guard case .notWritten(let problem) = answer else {
            Issue.record("\(answer)")
            return
        }
        #expect(problem.contains("127.0.0.1:1") || problem.contains("refused"))
    }

    @Test func anAnswerThatNeverComesIsLost() async throws {
        var configuration = SimulatorConfiguration()
        configuration.faults = try SimulatorFaults(json: Data(#"{"lostAnswers":{"share":1,"mode":"close"}}"#.utf8))
        try await Simulator.withRunning(configuration: configuration, logger: TestDatabase.logger) { simulator in
            let url = try #require(simulator.baseURL) + "/v23.0"
            guard case .lost = try await send(to: url) else {
                Issue.record("the connection was closed after the request")
                return
            }
            #expect(simulator.summary().lost == 1)
        }
    }

    @Test func aRealRequestIsAccepted() async throws {
        try await Simulator.withRunning(logger: TestDatabase.logger) { simulator in
            let url = try #require(simulator.baseURL) + "/v23.0"
            guard case .accepted(let id, nil, nil) = try await send(to: url) else {
                Issue.record("not accepted")
                return
            }
            #expect(id.hasPrefix("wamid."))
        }
    }

    @Test func tokensDoNotShowThemselves() {
        #expect("\(AccessToken(value: "secret"))" == "<token>")
    }

    private func send(to url: String) async throws -> SendAnswer {
        let api = try WhatsAppAPI(url: url)
        let poster = try await HTTPPoster.make(
            for: api.origin,
            configuration: WhatsAppChannel.configuration(connections: 1)
        )
        let body = #"{"messaging_product":"whatsapp","to":"+5511999990000","type":"text","text":{"body":"hi"}}"#
        let request = OutboundRequest(
            sender: "1001",
            token: AccessToken(value: "t"),
            body: Array(body.utf8),
            writeBy: .now + .seconds(5)
        )
        let answer = await WhatsAppChannel(poster: poster, api: api).send(request)
        await poster.shutdown()
        return try #require(answer)
    }
}
