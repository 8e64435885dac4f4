import Foundation
import JSON
import Testing
import WhatsAppSimulator

/// Limits, faults and the ledger of the management side.
struct ManagementLimitTests {
    @Test func callsHaveALimitWithAHeader() async throws {
        var settings = ManagementStage.slow
        settings.callsPerHour = 4
        var narrow = settings
        narrow.appCallsPerHour = 1
        try await ManagementStage.with(settings) { [narrow] stage in
            let path = "/v23.0/\(ManagementStage.account)/message_templates"
            for share in [25, 50, 75, 100] {
                let answer = try await stage.caller.call(.GET, path)
                let usage = try JSONValue(parsing: answer.usage ?? "")[ManagementStage.account]?[0]
                #expect(answer.status == 200 && usage?["call_count"] == .integer(share))
            }
            let refused = try await stage.caller.call(.GET, path)
            let usage = try JSONValue(parsing: refused.usage ?? "")[ManagementStage.account]?[0]
            #expect(refused.code == 80_007 && usage?["estimated_time_to_regain_access"] == 60)
            // Another account, and another token, have their own.
            #expect(try await stage.caller.call(.GET, "/v23.0/7/message_templates").status == 200)
            let other = ["authorization": "OAuth other"]
            #expect(try await stage.caller.call(.GET, path, headers: other).status == 200)
            #expect(try await stage.send("offer").status == 200)
            stage.simulator.advanceClock(by: .seconds(3_600))
            #expect(try await stage.caller.call(.GET, path).status == 200)
            try stage.simulator.setManagement(narrow)
            #expect(try await stage.caller.call(.GET, path).code == 4)
        }
    }

    @Test func aHundredTemplatesAreCreatedInAnHour() async throws {
        try await ManagementStage.with { stage in
            for index in 1...100 { _ = try await stage.create(named: "offer_\(index)") }
            #expect(try await stage.create(ManagementStage.template("offer_101")).code == 80_007)
            stage.simulator.advanceClock(by: .seconds(3_600))
            #expect(try await stage.create(ManagementStage.template("offer_101")).status == 200)
        }
    }

    @Test(arguments: [ManagementFault.Mode.lose, .drop, .refuse, .page, .delay])
    func faultsStrikeAsOftenAsTheySay(mode: ManagementFault.Mode) async throws {
        var settings = ManagementStage.slow
        settings.faults = [ManagementFault(operation: "templates.create", mode: mode, times: 1)]
        settings.faults[0].contains = "offer"
        settings.faults[0].seconds = 0.01
        try await withTemporaryPath { path in
            try await ManagementStage.with(settings, ledger: path) { stage in
                let offer = ManagementStage.template("offer")
                switch mode {
                case .lose, .drop: await #expect(throws: (any Error).self) { try await stage.create(offer) }
                case .refuse: #expect(try await stage.create(offer).code == 2)
                case .page: #expect(try await stage.create(offer).status == 502)
                case .delay: #expect(try await stage.create(offer).status == 200)
                }
                // What was done without an answer is there: the repeated call finds it.
                let isDone = mode != .drop && mode != .refuse
                let repeated = try await stage.create(offer)
                #expect(repeated.subcode == (isDone ? 2_388_024 : nil))
            }
            let entries = try LedgerReader(path: path).managementEntries()
            #expect(entries.map(\.operation) == ["templates.create", "templates.create"])
            let first: LedgerEntry.Answer =
                switch mode {
                case .lose, .page: .lost
                case .delay: .accepted
                case .drop, .refuse: .rejected
                }
            #expect(entries.first?.answer == first)
            #expect(entries.allSatisfy { $0.body.contains(#""name":"offer""#) && $0.method == "POST" })
            #expect(try LedgerReader(path: path).entries().isEmpty)
        }
    }

    @Test func lostEditsAndDeletionsAreDone() async throws {
        var settings = ManagementStage.slow
        settings.faults = ["edit", "delete"].map {
            ManagementFault(operation: "templates.\($0)", mode: .lose, times: 1)
        }
        try await ManagementStage.with(settings) { stage in
            let id = try await stage.approved("offer")
            let edit = #"{"components":[\#(ManagementStage.body("Hello, we are open."))]}"#
            await #expect(throws: (any Error).self) { try await stage.edit(id, edit) }
            #expect(try await stage.read(id)["components"]?[0]?["text"] == "Hello, we are open.")
            await #expect(throws: (any Error).self) { try await stage.delete("name=offer") }
            #expect(try await stage.delete("name=offer").subcode == 2_593_002)
            let calls = try await stage.caller.call(.GET, "/_simulator/calls").json.arrayValue ?? []
            let answers = calls.map { "\($0["operation"]?.stringValue ?? "") \($0["answer"]?.stringValue ?? "")" }
            #expect(
                answers == [
                    "templates.create accepted", "templates.edit lost", "node.get accepted", "templates.delete lost",
                    "templates.delete rejected",
                ]
            )
            #expect(!calls.description.contains("Bearer"))
        }
    }

    @Test func settingsAndTheClockChangeWhileItRuns() async throws {
        try await ManagementStage.with { stage in
            let id = try await stage.create(named: "offer")
            #expect(try await stage.control("clock", #"{"advanceSeconds":3600}"#).status == 200)
            #expect(try await stage.read(id)["status"] == "APPROVED")
            #expect(try await stage.control("clock", #"{"advanceSeconds":-1}"#).status == 400)
            let path = "/_simulator/management"
            #expect(try await stage.caller.call(.PUT, path, #"{"refusesUnknownTemplates":true}"#).status == 200)
            #expect(try await stage.caller.call(.GET, path).json["refusesUnknownTemplates"] == true)
            #expect(try await stage.send("unknown").code == 132_001)
            #expect(try await stage.caller.call(.PUT, path, #"{"reviewSecond":1}"#).status == 400)
            #expect(try await stage.caller.call(.PUT, path, #"{"faults":[{"mode":"lose","share":2}]}"#).status == 400)
        }
    }
}
