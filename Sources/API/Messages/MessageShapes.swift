import JSON
import Spec
import Store

/// What messages look like in answers.
enum MessageShapes {
    static let message = ObjectShape(
        "MessageRecord",
        "One recipient of one run. Fields without a value are left out.",
        [
            ShapeField("id", .uuid, isRequired: true, "Its id."),
            ShapeField("runId", .uuid, isRequired: true, "The run."),
            ShapeField("position", .integer(1...Int(Int32.max)), isRequired: true, "Its place in the run."),
            ShapeField("contactId", .uuid, isRequired: true, "The contact."),
            ShapeField("recipientPhone", .text(0...50), isRequired: true, "The number that it goes to."),
            ShapeField("status", .choice(MessageStatus.self), isRequired: true, "Where it stands."),
            ShapeField("isBusinessInitiated", .bool, isRequired: true, "Whether it costs a slot of the 24 h quota."),
            ShapeField("attempts", .integer(0...32_767), isRequired: true, "Answers that WhatsApp gave."),
            ShapeField("waMessageId", .text(0...512), "Its id at WhatsApp."),
            ShapeField("errorCode", .text(0...50), "What went wrong."),
            ShapeField("errorMessage", .text(0...100_000), "What it means."),
            ShapeField("sentAt", .dateTime, "When WhatsApp accepted it."),
            ShapeField("deliveredAt", .dateTime, "When it was delivered."),
            ShapeField("readAt", .dateTime, "When it was read."),
            ShapeField("failedAt", .dateTime, "When it failed."),
            ShapeField("createdAt", .dateTime, isRequired: true, "When it was written."),
        ]
    )

    static let list: ObjectShape = {
        let page = ObjectShape.page(of: message, "MessageList", "A page of messages, in the order of sending.")
        let next = ShapeField(
            "next",
            .uuid,
            "Give it as `after` to go on from here, however deep; absent at the end of the log."
        )
        return ObjectShape(page.name, page.description, page.fields + [next])
    }()

    static let example: JSONValue = [
        "id": "019aa1b2-c3d4-8e5f-8a6b-7c0000000001", "runId": "019aa1b2-c3d4-8e5f-8a6b-7c0000000000", "position": 1,
        "contactId": "6f1f3f0a-7d11-4f0a-9c39-0b0e5a4c6f0e", "recipientPhone": "+254712345678", "status": "delivered",
        "isBusinessInitiated": true, "attempts": 1, "waMessageId": "wamid.HBgM", "sentAt": "2026-11-20T08:00:01Z",
        "deliveredAt": "2026-11-20T08:00:03Z", "createdAt": "2026-11-20T08:00:00Z",
    ]

    /// The columns of the CSV form, in their order.
    static let columns = message.fields.map(\.name)
}

extension MessageRecord {
    var json: JSONValue {
        .fields([
            "id": .string(id.apiText), "runId": .string(runID.apiText), "position": .integer(position),
            "contactId": .string(contactID.apiText), "recipientPhone": .string(recipientPhone),
            "status": .string(status.rawValue), "isBusinessInitiated": .bool(isBusinessInitiated),
            "attempts": .integer(attempts), "waMessageId": waMessageID.map(JSONValue.string),
            "errorCode": errorCode.map(JSONValue.string), "errorMessage": errorMessage.map(JSONValue.string),
            "sentAt": sentAt.map { .string($0.apiText) }, "deliveredAt": deliveredAt.map { .string($0.apiText) },
            "readAt": readAt.map { .string($0.apiText) }, "failedAt": failedAt.map { .string($0.apiText) },
            "createdAt": .string(createdAt.apiText),
        ])
    }

    /// One line of the CSV form.
    var csvLine: String {
        let fields = json
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
