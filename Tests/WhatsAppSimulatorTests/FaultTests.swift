import AsyncHTTPClient
import Foundation
import Testing
import WhatsAppSimulator

struct FaultTests {
    /// Runs a simulator with faults given as JSON.
    private func withFaults(_ json: String, _ body: (Simulator, Caller) async throws -> Void) async throws {
        var configuration = SimulatorConfiguration()
        configuration.faults = try SimulatorFaults(json: Data(json.utf8))
        configuration.shutdownTimeout = .milliseconds(500)
        try await Simulator.withRunning(configuration: configuration, logger: .quiet) { simulator in
            try await body(simulator, Caller(simulator))
        }
    }

    @Test(arguments: [
        (#"{"errors":[{"share":1,"code":130429}]}"#, 429, 130_429),
        (#"{"errors":[{"share":1,"code":130429,"status":400}]}"#, 400, 130_429),
        (#"{"errors":[{"share":0,"code":1},{"share":1,"code":131016}]}"#, 503, 131_016),
        (#"{"recipientErrors":{"+5511999990000":131026}}"#, 400, 131_026),
        (#"{"rejectEverything":{"seconds":60}}"#, 503, 131_016),
        (#"{"rejectEverything":{"seconds":60,"code":190}}"#, 401, 190),
    ])
    func answersWithErrors(json: String, status: Int, code: Int) async throws {
        try await withFaults(json) { simulator, caller in
            let answer = try await caller.text(to: "+5511999990000")
            #expect(answer.status == status)
            #expect(answer.code == code)
            #expect(simulator.summary().rejectedByCode == [code: 1])
            #expect(simulator.summary().accepted == 0)
        }
    }

    @Test func strikesOnlyTheNumberAndRecipientItNames() async throws {
        let json = #"{"errors":[{"share":1,"code":4,"phoneNumberId":"7"}],"recipientErrors":{"+5511999990000":131026}}"#
        try await withFaults(json) { (_, caller) async throws in
            #expect(try await caller.text(to: Caller.number(1)).status == 200)
            #expect(try await caller.text(to: Caller.number(1), sender: "7").code == 4)
            #expect(try await caller.text(to: "+55 11 99999-0000").code == 131_026)
        }
    }

    @Test func rollsAnewForEachRequestOfARecipient() async throws {
        var runs: [[Int]] = []
        for _ in 0..<2 {
            try await withFaults(#"{"errors":[{"share":0.3,"code":130429}]}"#) { simulator, caller in
                var statuses: [Int] = []
                for index in 0..<200 { statuses.append(try await caller.text(to: Caller.number(index % 20)).status) }
                #expect((30...90).contains(simulator.summary().rejected))
                #expect(simulator.summary().recipients == 20)
                runs.append(statuses)
            }
        }
        #expect(runs[0] == runs[1])
    }

    @Test func answersWithAPageWithoutACode() async throws {
        try await withFaults(#"{"serverErrors":{"share":1,"status":502}}"#) { simulator, caller in
            let answer = try await caller.text(to: "+5511999990000")
            #expect(answer.status == 502)
            #expect(answer.text.hasPrefix("<html>"))
            #expect(simulator.summary().rejectedByCode == [0: 1])
        }
    }

    @Test func answersAsSomethingElseThanWhatsAppWould() async throws {
        let json = #"{"pages":[{"status":407,"every":2,"contentType":"","body":""}]}"#
        try await withFaults(json) { simulator, caller in
            var statuses: [Int] = []
            for index in 0..<4 { statuses.append(try await caller.text(to: Caller.number(index)).status) }
            #expect(statuses == [200, 407, 200, 407])
            #expect(simulator.summary().rejectedByCode == [0: 2] && simulator.summary().accepted == 2)
        }
    }

    @Test func answersWithSubcodeAndDetailsToOneRecipient() async throws {
        let error = #"{"code":132018,"subcode":7,"details":"a new-line","recipient":"\#(Caller.number(2))"}"#
        try await withFaults(#"{"errors":[\#(error)]}"#) { (_, caller) async throws in
            #expect(try await caller.text(to: Caller.number(1)).status == 200)
            let refused = try await caller.text(to: Caller.number(2))
            #expect(refused.code == 132_018)
            #expect(refused.text.contains(#""error_subcode":7,"#) && refused.text.contains(#""details":"a new-line""#))
        }
    }

    @Test func holdsTemplatesBack() async throws {
        try await withFaults(#"{"messageStatuses":[{"status":"paused"}]}"#) { (_, caller) async throws in
            let template =
                #"{"messaging_product":"whatsapp","to":"+5511999990000","type":"template","template":"#
                + #"{"name":"a","language":{"code":"en"}}}"#
            let answer = try await caller.post(template)
            #expect(answer.text.contains(#""message_status":"paused""#), "\(answer.text)")
        }
    }

    @Test func knowsItsNumbers() async throws {
        var configuration = SimulatorConfiguration()
        configuration.knownNumbers = ["7"]
        try await Simulator.withRunning(configuration: configuration, logger: .quiet) { simulator in
            let caller = try Caller(simulator)
            #expect(try await caller.text(to: Caller.number(1), sender: "7").status == 200)
            let unknown = try await caller.text(to: Caller.number(1), sender: "8")
            #expect(unknown.code == 100 && unknown.text.contains(#""error_subcode":33"#))
            #expect(unknown.text.contains("GraphMethodException"))
            #expect(try await caller.call(.POST, "/v23.0/nowhere", "{}").code == 2_500)
        }
    }

    @Test func sendsRetryAfter() async throws {
        try await withFaults(#"{"errors":[{"share":1,"code":4,"retryAfterSeconds":60}]}"#) { (_, caller) async throws in
            #expect(try await caller.text(to: "+5511999990000").retryAfter == "60")
        }
    }

    @Test func delaysAnswers() async throws {
        try await withFaults(#"{"latency":{"minimumMilliseconds":150,"maximumMilliseconds":200}}"#) {
            (_, caller) async throws in
            let took = try await ContinuousClock().measure {
                let answer = try await caller.text(to: "+5511999990000")
                #expect(answer.status == 200)
            }
            #expect(took >= .milliseconds(150))
        }
    }

    @Test func losesAnswersByClosingTheConnection() async throws {
        try await withFaults(#"{"lostAnswers":{"share":1}}"#) { simulator, caller in
            await #expect(throws: (any Error).self) { try await caller.text(to: "+5511999990000") }
            #expect(simulator.summary().accepted == 1)
            #expect(simulator.summary().lost == 1)
            #expect(simulator.acceptedCount(of: "+5511999990000") == 1)
        }
    }

    @Test func losesAnswersBySayingNothing() async throws {
        try await withFaults(#"{"lostAnswers":{"share":1,"mode":"silent"}}"#) { (simulator, caller) async throws in
            await #expect(throws: HTTPClientError.deadlineExceeded) {
                try await caller.text(to: "+5511999990000", timeout: .seconds(1))
            }
            #expect(try await eventually { simulator.summary().lost == 1 })
        }
    }

    @Test func losesAnswersByHalfADocument() async throws {
        try await withFaults(#"{"lostAnswers":{"share":1,"mode":"garbled"}}"#) { simulator, caller in
            let answer = try await caller.text(to: "+5511999990000")
            #expect(answer.status == 200)
            #expect(answer.wamid == nil)
            #expect(simulator.summary().lost == 1)
        }
    }

    @Test func heal() async throws {
        try await withFaults(#"{"rejectEverything":{"seconds":0.2}}"#) { (_, caller) async throws in
            #expect(try await eventually { try await caller.text(to: "+5511999990000").status == 200 })
        }
    }

    @Test func changeAtRunTime() async throws {
        try await withFaults("{}") { simulator, caller in
            #expect(try await caller.text(to: Caller.number(1)).status == 200)
            let put = try await caller.call(.PUT, "/_simulator/faults", #"{"errors":[{"share":1,"code":2}]}"#)
            #expect(put.status == 200)
            #expect(simulator.faults.errors == [.init(share: 1, code: 2)])
            #expect(try await caller.text(to: Caller.number(1)).code == 2)
            let get = try await caller.call(.GET, "/_simulator/faults")
            #expect(try SimulatorFaults(json: get.body) == simulator.faults)
            let text = try await caller.call(.GET, "/_simulator/summary")
            let summary = try JSONDecoder().decode(SimulatorSummary.self, from: text.body)
            #expect(summary.requests == 2)
            #expect(summary.rejectedByCode == [2: 1])
            let count = try await caller.call(.GET, "/_simulator/recipients/\(Caller.number(1))")
            #expect(count.text == #"{"accepted":1,"recipient":"\#(Caller.number(1))"}"#)
            #expect(try await caller.call(.POST, "/_simulator/reset").status == 200)
            #expect(try await caller.text(to: Caller.number(1)).status == 200)
            #expect(simulator.summary().requests == 1)
        }
    }

    @Test(arguments: [
        (#"{"errors":[{"share":1.5,"code":4}]}"#, "'faults.errors[0].share' must be a share from 0 to 1, not 1.5"),
        (#"{"errors":[{"share":1}]}"#, "cannot read the faults: 'errors[0].code': is missing"),
        (#"{"error":[]}"#, "cannot read the faults: unknown key 'error', known are errors, serverErrors, latency, "),
        (#"{"webhooks":{"dropped":1}}"#, "cannot read the faults: 'webhooks': unknown key 'dropped', known are "),
        (#"{"serverErrors":{"share":1,"status":404}}"#, "'faults.serverErrors.status' must be 500 to 599, not 404"),
        (#"{"latency":{"minimumMilliseconds":5,"maximumMilliseconds":1}}"#, "'faults.latency' must go from"),
        (#"{"recipientErrors":{"55":4}}"#, "'faults.recipientErrors.55' is not a number like +5511999990000"),
        (
            #"{"rejectEverything":{"seconds":-1}}"#,
            "'faults.rejectEverything.seconds' must be 0 to 86400 seconds, not -1.0"
        ),
        (#"{"pages":[{"status":99}]}"#, "'faults.pages[0].status' must be an HTTP status from 200 to 599, not 99"),
        (#"{"failures":[{"code":1,"recipient":"55"}]}"#, "'faults.failures[0].recipient' is not a number like"),
        (#"{"lostAnswers":{"mode":"eaten"}}"#, "cannot read the faults: 'lostAnswers.mode': "),
        ("{", "cannot read the faults: "),
    ])
    func areRefusedWithTheirPlace(json: String, beginning: String) async throws {
        try await withFaults("{}") { simulator, caller in
            let answer = try await caller.call(.PUT, "/_simulator/faults", json)
            #expect(answer.status == 400)
            let text = try #require(try JSONDecoder().decode([String: String].self, from: answer.body)["error"])
            #expect(text.hasPrefix(beginning))
            #expect(simulator.faults == SimulatorFaults())
        }
    }
}
