import Foundation
import Testing
import WhatsAppSimulator

struct WebhookTests {
    private static let secret = "app secret"

    private func configuration(url: String) -> SimulatorConfiguration {
        var configuration = SimulatorConfiguration()
        configuration.webhooks.url = url
        configuration.webhooks.appSecret = Self.secret
        configuration.webhooks.deliveredShare = 1
        configuration.webhooks.readShare = 1
        configuration.webhooks.failedShare = 0
        configuration.webhooks.sentDelay = .zero ... .milliseconds(5)
        configuration.webhooks.deliveredDelay = .milliseconds(5) ... .milliseconds(10)
        configuration.webhooks.readDelay = .milliseconds(5) ... .milliseconds(10)
        return configuration
    }

    @Test func postsSignedStatusesInTheirOrder() async throws {
        try await WebhookReceiver.withRunning { receiver, url in
            var configuration = configuration(url: url)
            configuration.webhooks.concurrentRequests = 1
            try await Simulator.withRunning(configuration: configuration, logger: .quiet) { simulator in
                let answer = try await Caller(simulator).text(to: "+5511999990000", callback: "ä \\\"1\\\"")
                #expect(try await eventually { receiver.statuses.count == 3 })
                #expect(receiver.statuses.map(\.status) == ["sent", "delivered", "read"])
                for status in receiver.statuses {
                    #expect(status.id == answer.wamid)
                    #expect(status.recipient_id == "5511999990000")
                    #expect(status.biz_opaque_callback_data == "ä \"1\"")
                    #expect(try abs(#require(Double(status.timestamp)) - Date().timeIntervalSince1970) < 60)
                }
                #expect(receiver.statuses.map { $0.pricing?.category } == ["service", "service", nil])
                for delivery in receiver.deliveries {
                    #expect(WebhookReceiver.isSigned(delivery, with: Self.secret))
                    #expect(!WebhookReceiver.isSigned(delivery, with: "another"))
                    #expect(String(decoding: delivery.body, as: UTF8.self).contains(#"\u00e4 \"1\""#))
                    #expect(delivery.phoneNumberIDs == [Caller.sender])
                }
            }
        }
    }

    @Test func putsAtMostAHundredStatusesIntoOneRequest() async throws {
        try await WebhookReceiver.withRunning { receiver, url in
            var configuration = configuration(url: url)
            configuration.webhooks.sentDelay = .milliseconds(300) ... .milliseconds(300)
            try await Simulator.withRunning(configuration: configuration, logger: .quiet) { simulator in
                let caller = try Caller(simulator)
                for index in 0..<250 { _ = try await caller.text(to: Caller.number(index), sender: "\(index % 3)") }
                #expect(try await eventually { receiver.statuses.count == 750 })
                #expect(receiver.deliveries.map(\.statuses.count).max() ?? 0 <= 100)
                #expect(receiver.deliveries.count < 400)
                #expect(Set(receiver.statuses.map { "\($0.id) \($0.status)" }).count == 750)
                #expect(try await eventually { simulator.summary().webhooks.pending == 0 })
            }
        }
    }

    @Test func repeatsTheSameOutcomesForTheSameSeed() async throws {
        var outcomes: [[String]] = []
        for seed: UInt64 in [7, 7, 8] {
            try await WebhookReceiver.withRunning { receiver, url in
                var configuration = configuration(url: url)
                configuration.seed = seed
                configuration.webhooks.deliveredShare = 0.5
                configuration.webhooks.readShare = 0.25
                configuration.webhooks.failedShare = 0.3
                configuration.webhooks.failedCode = 131_049
                try await Simulator.withRunning(configuration: configuration, logger: .quiet) { simulator in
                    let caller = try Caller(simulator)
                    for index in 0..<100 { _ = try await caller.text(to: Caller.number(index)) }
                    #expect(try await eventually { simulator.summary().webhooks.pending == 0 })
                }
                let statuses = receiver.statuses
                #expect(statuses.count { $0.status == "sent" } == 100)
                #expect((15...45).contains(statuses.count { $0.status == "failed" }))
                #expect((35...65).contains(statuses.count { $0.status == "delivered" }))
                #expect(statuses.filter { $0.status == "failed" }.allSatisfy { $0.errors?.first?.code == 131_049 })
                outcomes.append(statuses.map { "\($0.recipient_id ?? "") \($0.status)" }.sorted())
            }
        }
        #expect(outcomes[0] == outcomes[1])
        #expect(outcomes[0] != outcomes[2])
    }

    @Test func retriesRefusedStatuses() async throws {
        try await WebhookReceiver.withRunning(refusals: 2) { receiver, url in
            try await Simulator.withRunning(configuration: configuration(url: url), logger: .quiet) { simulator in
                _ = try await Caller(simulator).text(to: "+5511999990000")
                #expect(try await eventually { receiver.statuses.count == 3 })
                #expect(try await eventually { simulator.summary().webhooks.statusesSent == 3 })
                #expect(simulator.summary().webhooks.failedRequests == 2)
            }
        }
    }

    @Test func givesUpAfterTheLastAttempt() async throws {
        try await WebhookReceiver.withRunning(refusals: .max) { receiver, url in
            var configuration = configuration(url: url)
            configuration.webhooks.maximumAttempts = 2
            try await Simulator.withRunning(configuration: configuration, logger: .quiet) { simulator in
                _ = try await Caller(simulator).text(to: "+5511999990000")
                #expect(try await eventually { simulator.summary().webhooks.dropped == 3 })
                #expect(simulator.summary().webhooks.pending == 0)
                #expect(receiver.statuses.isEmpty)
            }
        }
    }

    @Test(arguments: [
        (#"{"webhooks":{"droppedShare":1}}"#, [], 3),
        (#"{"webhooks":{"duplicatedShare":1}}"#, ["delivered", "delivered", "read", "read", "sent", "sent"], 0),
        (#"{"webhooks":{"reorderedShare":1}}"#, ["delivered", "read", "sent"], 0),
        (#"{"recipientFailures":{"+5511999990000":131049}}"#, ["failed", "sent"], 0),
    ])
    func faultsStrikeStatuses(json: String, expected: [String], dropped: Int) async throws {
        try await WebhookReceiver.withRunning { receiver, url in
            var configuration = configuration(url: url)
            configuration.faults = try SimulatorFaults(json: Data(json.utf8))
            configuration.webhooks.concurrentRequests = 1
            try await Simulator.withRunning(configuration: configuration, logger: .quiet) { simulator in
                _ = try await Caller(simulator).text(to: "+5511999990000")
                #expect(
                    try await eventually {
                        receiver.statuses.count == expected.count && simulator.summary().webhooks.dropped == dropped
                    }
                )
                #expect(receiver.statuses.map(\.status).sorted() == expected)
                if configuration.faults.webhooks.reorderedShare > 0 {
                    #expect(receiver.statuses.map(\.status) == ["read", "delivered", "sent"])
                }
            }
        }
    }

    @Test func postsPendingStatusesAtShutdown() async throws {
        try await WebhookReceiver.withRunning { receiver, url in
            var configuration = configuration(url: url)
            configuration.webhooks.deliveredDelay = .seconds(3_600) ... .seconds(3_600)
            let clock = ContinuousClock()
            let took = try await clock.measure {
                try await Simulator.withRunning(configuration: configuration, logger: .quiet) { simulator in
                    _ = try await Caller(simulator).text(to: "+5511999990000")
                    #expect(simulator.summary().webhooks.pending == 1)
                }
            }
            #expect(receiver.statuses.count == 3)
            #expect(took < .seconds(4))
        }
    }

    @Test func aDeadReceiverHoldsUpAShutdownOnlyForItsTimeout() async throws {
        var configuration = configuration(url: "http://127.0.0.1:1/")
        configuration.shutdownTimeout = .milliseconds(300)
        let took = try await ContinuousClock().measure {
            try await Simulator.withRunning(configuration: configuration, logger: .quiet) { simulator in
                _ = try await Caller(simulator).text(to: "+5511999990000")
            }
        }
        #expect(took < .seconds(3))
    }

    @Test func canBePointedElsewhereAtRunTime() async throws {
        try await WebhookReceiver.withRunning { receiver, url in
            var configuration = configuration(url: url)
            configuration.webhooks.url = nil
            try await Simulator.withRunning(configuration: configuration, logger: .quiet) { simulator in
                let caller = try Caller(simulator)
                _ = try await caller.text(to: Caller.number(1))
                #expect(try await caller.call(.PUT, "/_simulator/webhook", #"{"url":"ftp://x"}"#).status == 400)
                #expect(try await caller.call(.PUT, "/_simulator/webhook", #"{"url":"\#(url)"}"#).status == 200)
                _ = try await caller.text(to: Caller.number(2), callback: "second")
                #expect(try await eventually { receiver.statuses.count == 3 })
                #expect(receiver.statuses.allSatisfy { $0.biz_opaque_callback_data == "second" })
            }
        }
    }
}
