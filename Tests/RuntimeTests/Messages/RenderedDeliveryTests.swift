import Foundation
import JSON
import Postgres
import Spec
import Store
import Synchronization
import TestSupport
import Testing

@testable import Runtime

/// A preview shows the messages that WhatsApp receives.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct RenderedDeliveryTests {
    @Test(.timeLimit(.minutes(2)))
    func theRenderedMessagesAreThoseThatAreSent() async throws {
        let text = "Dear {{name|friend}} no. {{metadata.number}}, {{pin|no pin}}"
        try await DeliveryFixture.with(contacts: 12, text: text) { fixture in
            try await fixture.pool.execute(
                """
                UPDATE contacts SET
                    name = CASE (metadata ->> 'number')::int
                        WHEN 1 THEN NULL WHEN 2 THEN '' WHEN 3 THEN E'two\\nlines     wide' WHEN 4 THEN '{{pin}}' WHEN 5 THEN ' '
                        ELSE name
                    END, pin = CASE WHEN (metadata ->> 'number')::int > 6 THEN '"1234"' END
                """
            )
            let audiences = AudienceRepository(pool: fixture.pool)
            let rows = try await fixture.pool.query(#"SELECT id FROM campaigns"#)
            let found = try await audiences.renderRequest(of: try rows[0].decode(0), tenant: DeliveryFixture.tenant)
            let request = try #require(found).request
            let rendered = try await audiences.render(request, count: 20, now: Date())
            #expect(rendered.messages.count == 12 && rendered.messages.allSatisfy { $0.problem == nil })
            #expect(rendered.placeholders.map(\.missing) == [2, 0, 6])

            let client = MovingClient(address: DeliveryFixture.Address(fixture.api), timeout: .seconds(30))
            let recorder = RecordingClient(client)
            let run = try await fixture.launch()
            try await fixture.withDelivery(channel: recorder) { try await fixture.completes(run) }
            await client.shutdown()
            #expect(recorder.received.count == 12)
            let sent = recorder.received.map { body -> (number: String?, content: JSONValue) in
                var fields = body.objectValue ?? [:]
                for name in PayloadTemplate.fieldsOfRequest { fields[name] = nil }
                return (body["to"]?.stringValue, .object(fields))
            }
            for message in rendered.messages {
                let received = try #require(sent.first { $0.number == message.recipient }, "\(message.recipient)")
                #expect(received.content == message.content)
            }
        }
    }
}

/// Passes requests on to the simulator, and keeps their bodies.
final class RecordingClient: WhatsAppDouble {
    private let client: MovingClient
    private let bodies = Mutex<[JSONValue]>([])

    init(_ client: MovingClient) { self.client = client }

    var received: [JSONValue] { bodies.withLock { $0 } }
    var expectedWait: Duration { .zero }

    func prepare(for requests: Int) {}

    func send(_ request: OutboundRequest) async -> SendAnswer? {
        let answer = await client.send(request)
        if answer != nil, let body = try? JSONValue(parsing: request.body) {
            bodies.withLock { $0.append(body) }
        }
        return answer
    }
}
