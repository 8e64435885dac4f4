import Foundation
import HTTPTypes
import Hummingbird
import JSON
import NIOCore
import Spec
import Store

/// The log of a campaign, message by message.
struct MessageLogEndpoint: Sendable {
    /// Number of rows that are read at once for CSV.
    private static let batch = 1_000

    let campaigns: CampaignRepository
    let log: MessageLogRepository

    var endpoint: Endpoint {
        Endpoint(
            method: .get,
            path: "/campaigns/{id}/messages",
            noun: "campaign",
            name: "listMessages",
            tag: "messages",
            summary: "List the messages of a campaign",
            details:
                "In the order of sending, oldest run first. As CSV (`Accept: text/csv` or `format=csv`) the answer is the "
                + "whole log. A page is a range of positions: if a launch left one out, the page has an item less. Messages that "
                + "retention has deleted are not in the log; `deleted`, or the header X-Deleted-Messages of CSV, tells how many "
                + "the campaign or the run had.",
            query: [
                .page, .limit, AnalyticsEndpoints.run,
                QueryParameter("status", .choice(MessageStatus.self), "Only messages with this status."),
                QueryParameter("errorCode", .text(upTo: 50), "Only messages that failed with this code."),
                QueryParameter(
                    "contact",
                    .text(upTo: ContactRules.longestID),
                    "Only messages to this contact: phone number or id of the contact."
                ),
                QueryParameter("after", .uuid, "Only messages after the one with this id; `page` is ignored."),
                QueryParameter("format", .choice(["json", "csv"]), "Format of the answer; overrides `Accept`."),
            ],
            responses: [
                Endpoint.ResponseShape(
                    status: .ok,
                    description: "A page of messages, or the whole log as CSV.",
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
            handle: .checked { call in try await answer(call) }
        )
    }

    private func answer(_ call: APICall) async throws -> APIResponse {
        let record = try await campaigns.required(call)
        var query = MessageLogQuery(campaign: record.id, tenant: call.tenant)
        query.run = call.uuid("run")
        query.status = call.text("status").flatMap(MessageStatus.init)
        query.errorCode = call.text("errorCode")
        query.contact = call.text("contact")
        let deleted = try await log.deleted(query)
        if wantsCSV(call) { return csv(query, call, name: record.id.apiText, deleted: deleted) }
        let messages: [MessageRecord]
        let total: Int
        if let after = call.uuid("after") {
            messages = try await log.batch(query, after: after, limit: call.limit)
            total = try await log.total(query)
        } else {
            (messages, total) = try await log.page(query, page: call.page, limit: call.limit)
        }
        return .json(
            .fields([
                "items": .array(messages.map { $0.json(for: call) }), "page": .integer(call.page),
                "limit": .integer(call.limit), "total": .integer(max(0, total)),
                "deleted": deleted > 0 ? .integer(deleted) : nil,
                "next": messages.count == call.limit ? messages.last.map { .string($0.id.apiText) } : nil,
            ])
        )
    }

    private func wantsCSV(_ call: APICall) -> Bool {
        if let format = call.text("format") { return format == "csv" }
        return call.accept?.lowercased().contains("text/csv") ?? false
    }

    /// Streams the log in batches, so that neither the daemon nor Postgres holds all of it.
    private func csv(_ query: MessageLogQuery, _ call: APICall, name: String, deleted: Int) -> APIResponse {
        var answer = APIResponse(
            content: .stream(mediaType: "text/csv; charset=utf-8; header=present") { writer in
                try await writer.write(ByteBuffer(string: CSVText.line(MessageShapes.columns)))
                var last: UUID?
                while true {
                    let messages = try await log.batch(query, after: last, limit: Self.batch)
                    guard let end = messages.last else { return }
                    try await writer.write(ByteBuffer(string: messages.map { $0.csvLine(for: call) }.joined()))
                    if messages.count < Self.batch { return }
                    last = end.id
                }
            }
        )
        answer.headers[.contentDisposition] = "attachment; filename=\"messages-\(name).csv\""
        if deleted > 0 { answer.headers[.deletedMessages] = "\(deleted)" }
        return answer
    }
}

extension HTTPField.Name {
    /// Number of messages that retention has deleted.
    fileprivate static let deletedMessages = HTTPField.Name("X-Deleted-Messages") ?? .contentLocation
}

/// Messages in answers.
private enum MessageShapes {
    static let message = ObjectShape(
        "MessageRecord",
        "A message: one recipient of one run. Fields without a value are left out.",
        [
            ShapeField("id", .uuid, isRequired: true, "Id of the message."),
            ShapeField("runId", .uuid, isRequired: true, "Id of the run."),
            ShapeField("position", .integer(1...Int(Int32.max)), isRequired: true, "Position in the run."),
            ShapeField("contactId", .uuid, isRequired: true, "Id of the contact."),
            ShapeField("recipientPhone", .text(0...50), isRequired: true, "Phone number of the recipient."),
            ShapeField("status", .choice(MessageStatus.self), isRequired: true, "Status of the message."),
            ShapeField(
                "isBusinessInitiated",
                .bool,
                isRequired: true,
                "True if it takes one message of the 24-hour quota."
            ),
            ShapeField("attempts", .integer(0...32_767), isRequired: true, "Number of answers from WhatsApp."),
            ShapeField(
                "waMessageId",
                .text(0...512),
                "WhatsApp's id of the message, which contains the number; only with the scope `contacts`."
            ),
            ShapeField(
                "messageStatus",
                .text(0...50),
                "What WhatsApp said when it accepted the message, unless it said `accepted`: "
                    + "`held_for_quality_assessment` or `paused`."
            ),
            ShapeField("errorCode", .text(0...50), "WhatsApp's error code."),
            ShapeField("errorMessage", .text(0...100_000), "Explanation of the code."),
            ShapeField("sentAt", .dateTime, "When WhatsApp accepted it."),
            ShapeField("deliveredAt", .dateTime, "When it was delivered."),
            ShapeField("readAt", .dateTime, "When it was read."),
            ShapeField("failedAt", .dateTime, "When it failed."),
            ShapeField("repliedAt", .dateTime, "When the recipient answered it, as the first message of the run."),
            ShapeField("tappedAt", .dateTime, "When the recipient pressed a button of it, or chose from its list."),
            ShapeField("optedOutAt", .dateTime, "When the recipient opted out by or after it."),
            ShapeField("createdAt", .dateTime, isRequired: true, "When it was written."),
        ]
    )

    static let list: ObjectShape = {
        let page = ObjectShape.page(of: message, "MessageList", "A page of messages, in the order of sending.")
        let next = ShapeField(
            "next",
            .uuid,
            "Pass it as `after` to get the next messages; absent at the end of the log."
        )
        let deleted = ShapeField(
            "deleted",
            .count,
            "Messages of the campaign or run that retention has deleted, whatever their status; absent if there are none."
        )
        return ObjectShape(page.name, page.description, page.fields + [next, deleted])
    }()

    static let example: JSONValue = [
        "id": "019aa1b2-c3d4-8e5f-8a6b-7c0000000001", "runId": "019aa1b2-c3d4-8e5f-8a6b-7c0000000000", "position": 1,
        "contactId": "6f1f3f0a-7d11-4f0a-9c39-0b0e5a4c6f0e", "recipientPhone": "+254712345678", "status": "delivered",
        "isBusinessInitiated": true, "attempts": 1, "waMessageId": "wamid.HBgM", "sentAt": "2026-11-20T08:00:01Z",
        "deliveredAt": "2026-11-20T08:00:03Z", "createdAt": "2026-11-20T08:00:00Z",
    ]

    /// The columns of CSV, in their order.
    static let columns = message.fields.map(\.name)
}

extension MessageRecord {
    fileprivate func json(for call: APICall) -> JSONValue {
        .fields([
            "id": .string(id.apiText), "runId": .string(runID.apiText), "position": .integer(position),
            "contactId": .string(contactID.apiText), "recipientPhone": .string(call.shown(recipientPhone)),
            "status": .string(status.rawValue), "isBusinessInitiated": .bool(isBusinessInitiated),
            "attempts": .integer(attempts),
            // Its characters are the number in another writing.
            "waMessageId": call.isMasked ? nil : waMessageID.map(JSONValue.string),
            "messageStatus": messageStatus.map(JSONValue.string),
            "errorCode": errorCode.map(JSONValue.string),
            "errorMessage": errorMessage.map { .string(call.hidingNumbers(in: $0)) },
            "sentAt": sentAt.map { .string($0.apiText) }, "deliveredAt": deliveredAt.map { .string($0.apiText) },
            "readAt": readAt.map { .string($0.apiText) }, "failedAt": failedAt.map { .string($0.apiText) },
            "repliedAt": responses[.replied].map { .string($0.apiText) },
            "tappedAt": responses[.tapped].map { .string($0.apiText) },
            "optedOutAt": responses[.optedOut].map { .string($0.apiText) },
            "createdAt": .string(createdAt.apiText),
        ])
    }

    /// Returns one line of CSV.
    fileprivate func csvLine(for call: APICall) -> String {
        let fields = json(for: call)
        return CSVText.line(
            MessageShapes.columns.map { column in
                switch fields[column] {
                case nil: ""
                case .string(let text): text
                case .some(let value): value.canonicalText
                }
            }
        )
    }
}

/// Lines of CSV (RFC 4180) with cells that a spreadsheet reads as text, never as formulas.
enum CSVText {
    /// Returns one line with its line break.
    static func line(_ cells: [String]) -> String {
        cells.map(cell).joined(separator: ",") + "\r\n"
    }

    /// First characters of formulas; Asian spreadsheets accept the full-width forms too.
    private static let beginnings = "=+-@\t\r\n＝＋－＠".unicodeScalars

    /// Prefixes a cell that begins like a formula with an apostrophe, which marks text in spreadsheets.
    private static func cell(_ text: String) -> String {
        let isFormula = text.unicodeScalars.first.map(beginnings.contains) ?? false
        let safe = isFormula ? "'" + text : text
        guard safe.unicodeScalars.contains(where: { ",\"\r\n".unicodeScalars.contains($0) }) else { return safe }
        return "\"" + safe.replacing("\"", with: "\"\"") + "\""
    }
}
