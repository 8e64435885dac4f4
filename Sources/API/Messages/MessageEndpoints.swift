import Foundation
import HTTPTypes
import Hummingbird
import JSON
import NIOCore
import Spec
import Store

/// The log of a campaign, message by message.
struct MessageEndpoints: Sendable {
    /// Lines that are read from the database at once for the CSV form.
    private static let batch = 1_000

    let campaigns: CampaignRepository
    let log: MessageLogRepository

    var all: [Endpoint] { [list] }

    private var list: Endpoint {
        Endpoint(
            method: .get,
            path: "/campaigns/{id}/messages",
            name: "listMessages",
            tag: "messages",
            summary: "List the messages of a campaign",
            details:
                "In the order of sending, oldest run first. As CSV (`Accept: text/csv` or `format=csv`) it is the whole "
                + "log, whatever the page. A page is a range of positions: where a launch left one out, it has an item less.",
            query: [
                .page, .limit, AnalyticsEndpoints.run,
                QueryParameter("status", .choice(MessageStatus.self), "Only messages in this state."),
                QueryParameter("errorCode", .text(upTo: 50), "Only messages that failed with this code."),
                QueryParameter("contact", .text(upTo: 50), "Only messages to this contact: phone number or id."),
                QueryParameter("after", .uuid, "Only messages after this one; `page` does not count then."),
                QueryParameter("format", .choice(["json", "csv"]), "The form of the answer; wins over `Accept`."),
            ],
            answers: [
                Endpoint.Answer(
                    status: .ok,
                    description: "A page of messages, or all of them as CSV.",
                    content: [
                        .init(
                            shape: .object(MessageShapes.list),
                            example: ["items": [MessageShapes.example], "page": 1, "limit": 20, "total": 1]
                        ),
                        .init(
                            mediaType: "text/csv",
                            shape: .text(0...Int(Int32.max)),
                            example: "id,runId,position\r\n"
                        ),
                    ]
                )
            ],
            handle: { call in try await answer(call) }
        )
    }

    private func answer(_ call: APICall) async throws -> APIAnswer {
        let record = try await campaigns.required(call)
        var query = MessageLogQuery(campaign: record.id, tenant: call.tenant)
        query.run = call.text("run").flatMap { UUID(uuidString: $0) }
        query.status = call.text("status").flatMap(MessageStatus.init)
        query.errorCode = call.text("errorCode")
        query.contact = call.text("contact")
        if wantsCSV(call) { return csv(query, name: record.id.apiText) }
        let messages: [MessageRecord]
        let total: Int
        if let after = call.text("after").flatMap({ UUID(uuidString: $0) }) {
            messages = try await log.batch(query, after: after, limit: call.limit)
            total = try await log.total(query)
        } else {
            (messages, total) = try await log.page(query, page: call.page, limit: call.limit)
        }
        return .json(
            .fields([
                "items": .array(messages.map(\.json)), "page": .integer(call.page), "limit": .integer(call.limit),
                "total": .integer(max(0, total)),
                "next": messages.count == call.limit ? messages.last.map { .string($0.id.apiText) } : nil,
            ])
        )
    }

    private func wantsCSV(_ call: APICall) -> Bool {
        if let format = call.text("format") { return format == "csv" }
        return call.accept?.lowercased().contains("text/csv") ?? false
    }

    /// Writes the log as it is read: neither the daemon nor the database ever holds all of it.
    private func csv(_ query: MessageLogQuery, name: String) -> APIAnswer {
        var answer = APIAnswer(
            content: .stream(mediaType: "text/csv; charset=utf-8; header=present") { writer in
                try await writer.write(ByteBuffer(string: CSVText.line(MessageShapes.columns)))
                var last: UUID?
                while true {
                    let messages = try await log.batch(query, after: last, limit: Self.batch)
                    guard let end = messages.last else { return }
                    try await writer.write(ByteBuffer(string: messages.map(\.csvLine).joined()))
                    if messages.count < Self.batch { return }
                    last = end.id
                }
            }
        )
        answer.headers[.contentDisposition] = "attachment; filename=\"messages-\(name).csv\""
        return answer
    }
}
