import AsyncHTTPClient
import Foundation
import JSON
import NIOCore
import NIOHTTP1
import Postgres
import Spec
import Store
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Runtime

/// A campaign from its draft to its last delivery report, through the API of a daemon.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct DeliveredCampaignTests {
    @Test func createsLaunchesDeliversAndCountsACampaign() async throws {
        try await DeliveryFixture.with(contacts: 60) { fixture in
            try await fixture.withDaemon { port in
                func call(_ method: HTTPMethod, _ path: String, _ body: JSONValue? = nil) async throws -> JSONValue {
                    var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
                    request.method = method
                    let token = try TestToken.text(tenant: DeliveryFixture.tenant)
                    request.headers.add(name: "Authorization", value: "Bearer \(token)")
                    request.headers.add(name: "Content-Type", value: "application/json")
                    if let body { request.body = .bytes(ByteBuffer(string: body.canonicalText)) }
                    let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
                    let text = String(buffer: try await response.body.collect(upTo: 1 << 20))
                    #expect(response.status.code < 300, "\(method) \(path): \(text)")
                    return try JSONValue(parsing: text)
                }
                let draft: JSONValue = [
                    "name": "api", "type": "manual", "audienceFilter": ["logic": "AND", "conditions": []],
                    "messageTemplate": [
                        "type": "template", "template": ["name": "hello", "language": ["code": "en"]],
                    ],
                ]
                let id = try await call(.POST, "/campaigns", draft)["id"]?.stringValue ?? ""
                _ = try await call(.POST, "/campaigns/\(id)/send")
                try await eventually(within: .seconds(30), "everything is reported on") {
                    let campaign = try await call(.GET, "/campaigns/\(id)")
                    let metrics = try await call(.GET, "/campaigns/\(id)/analytics")
                    // The simulator delivers all messages and reads every second one.
                    let arrived = ["delivered", "read"].compactMap { metrics[$0]?.integerValue }.reduce(0, +)
                    return campaign["status"] == "completed" && arrived == 60
                }
                let metrics = try await call(.GET, "/campaigns/\(id)/analytics")
                #expect(metrics["total"] == 60 && metrics["sent"] == 60 && metrics["deliveryRate"] == .number(100))
                let rows = try await fixture.statuses()
                let reported: Int = rows[.read, default: 0] + rows[.delivered, default: 0]
                #expect(reported == 60)
                #expect(fixture.simulator.summary().accepted == 60)
                let runs = try await call(.GET, "/campaigns/\(id)/runs")
                #expect(runs["items"]?[0]?["status"] == "completed")
            }
        }
    }
}
