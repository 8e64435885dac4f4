import Foundation
import HTTPTypes
import JSON
import Spec
import Store

/// The messages of a campaign as its recipients would get them, before anything is sent.
struct RenderEndpoint: Sendable {
    let audiences: AudienceRepository
    let gate: PreviewGate
    let now: @Sendable () -> Date

    var endpoint: Endpoint {
        Endpoint(
            method: .get,
            path: "/campaigns/{id}/render",
            noun: "campaign",
            name: "renderCampaign",
            tag: "campaigns",
            summary: "Show the message as recipients would get it",
            details:
                "Renders the message for the first recipients of the audience with the code that daemons send with, and counts "
                + "the recipients of the whole audience for whom a placeholder has no value. Numbers are masked, and without the "
                + "scope `contacts` also email addresses, personal numbers and metadata. Nothing is sent.",
            query: [QueryParameter("count", .integer(0...20), "Number of messages to render.", fallback: 5)],
            responses: [
                .json(.ok, "The messages.", .object(Self.shape), example: Self.example)
            ],
            problems: [.notReady],
            statementLimit: gate.statementLimit,
            ifSlow: PreviewGate.ifSlow,
            handle: .checked { call in
                try gate.enter(call.tenant)
                defer { gate.leave(call.tenant) }
                return try await render(call)
            }
        )
    }

    private func render(_ call: APICall) async throws -> APIResponse {
        guard let found = try await audiences.renderRequest(of: try call.id(), tenant: call.tenant) else {
            throw Problem.notFound("campaign")
        }
        let mask: RenderedAudience.Mask = { value, path in ContactMask.hidden(value, of: path) }
        let rendered: RenderedAudience
        do {
            rendered = try await audiences.render(
                found.request,
                count: call.query["count"]?.integerValue ?? 5,
                now: now(),
                hiding: call.isMasked ? mask : nil
            )
        } catch let error as TextTemplate.Problem {
            throw Problem.conflict(.notReady, "the stored message cannot be rendered: \(error)")
        }
        return .json(
            .fields([
                "recipients": rendered.recipients.map(JSONValue.integer) ?? .null,
                "placeholders": .array(rendered.placeholders.map(\.json)),
                "messages": .array(rendered.messages.map { $0.json(found.template) }),
            ])
        )
    }

    private static let placeholder = ObjectShape(
        "RenderedPlaceholder",
        "A placeholder of the message.",
        [
            ShapeField("placeholder", .text(0...200), isRequired: true, "What it names.", example: "name"),
            ShapeField(
                "fallback",
                .text(0...10_000),
                "Sent in place of a missing value; absent if such messages fail."
            ),
            ShapeField(
                "missing",
                .nullable(.count),
                isRequired: true,
                "Recipients of the whole audience without a value; null if they could not be counted within 2 s.",
                example: 12
            ),
        ]
    )

    private static let message = ObjectShape(
        "RenderedMessage",
        "The message to one recipient. Of a template that is not stored, only the parameters are known.",
        [
            ShapeField(
                "phone",
                .text(0...ContactRules.longestID),
                isRequired: true,
                "Phone number with its middle digits hidden."
            ),
            ShapeField("isInWindow", .bool, isRequired: true, "True if the contact wrote within the last 24 hours."),
            ShapeField(
                "language",
                .text(upTo: 20),
                "Language that the recipient gets; left out if everybody gets the same.",
                example: "pt_BR"
            ),
            ShapeField("header", .text(0...10_000), "Text above the body, or the medium."),
            ShapeField("body", .text(0...10_000), "Text of the message."),
            ShapeField("footer", .text(0...10_000), "Text below the body."),
            ShapeField(
                "buttons",
                .list(.text(0...10_000), count: 0...100),
                "Labels of the buttons and what is behind them."
            ),
            ShapeField(
                "parameters",
                .list(
                    .object(
                        ObjectShape(
                            "RenderedParameter",
                            "A parameter of a template.",
                            [
                                ShapeField("name", .text(0...200), isRequired: true, "Its place.", example: "body.1"),
                                ShapeField("text", .text(0...10_000), isRequired: true, "Its text.", example: "Amina"),
                            ]
                        )
                    ),
                    count: 0...1_000
                ),
                "Parameters as they are sent, if the texts of the template are not stored."
            ),
            ShapeField("content", .any, "Content of the request to WhatsApp, without the recipient."),
            ShapeField("problem", .text(0...10_000), "Why the message would fail; absent if it can be sent."),
            ShapeField(
                "fallbacks",
                .list(
                    .object(
                        ObjectShape(
                            "UsedFallback",
                            "A placeholder without a value.",
                            [
                                ShapeField("placeholder", .text(0...200), isRequired: true, "What it names."),
                                ShapeField(
                                    "text",
                                    .text(0...10_000),
                                    "Sent in its place; absent if the message fails."
                                ),
                            ]
                        )
                    ),
                    count: 0...1_000
                ),
                isRequired: true,
                "Placeholders for which the recipient has no value."
            ),
        ]
    )

    private static let shape = ObjectShape(
        "RenderedCampaign",
        "Messages of a campaign at this moment.",
        [
            ShapeField(
                "recipients",
                .nullable(.count),
                isRequired: true,
                "Recipients of the whole audience; null if they could not be counted within 2 s.",
                example: 120
            ),
            ShapeField(
                "placeholders",
                .list(.object(placeholder), count: 0...1_000),
                isRequired: true,
                "Placeholders of the message."
            ),
            ShapeField(
                "messages",
                .list(.object(message), count: 0...20),
                isRequired: true,
                "Messages to the first recipients."
            ),
        ]
    )

    private static let example: JSONValue = [
        "recipients": 120, "placeholders": [["placeholder": "name", "fallback": "there", "missing": 12]],
        "messages": [
            [
                "phone": "+254•••••••78", "isInWindow": true, "body": "Hi there, your visit is on 24 December.",
                "content": ["type": "text", "text": ["body": "Hi there, your visit is on 24 December."]],
                "fallbacks": [["placeholder": "name", "text": "there"]],
            ]
        ],
    ]
}

extension RenderedAudience.Placeholder {
    fileprivate var json: JSONValue {
        var fields: [String: JSONValue] = [
            "placeholder": .string(path), "missing": missing.map(JSONValue.integer) ?? .null,
        ]
        fields["fallback"] = fallback.map(JSONValue.string)
        return .object(fields)
    }
}

extension RenderedAudience.Message {
    /// Returns the message for an answer, with its number hidden wherever it occurs.
    fileprivate func json(_ template: TemplateSpec?) -> JSONValue {
        let hidden = ContactMask.hidden(recipient)
        var fields = content.map { MessageText(message: $0, template: template).json.objectValue ?? [:] } ?? [:]
        fields["content"] = content
        fields["problem"] = problem.map(JSONValue.string)
        fields["isInWindow"] = .bool(isInWindow)
        fields["language"] = language.map(JSONValue.string)
        fields["fallbacks"] = .array(
            fallbacks.map { .fields(["placeholder": .string($0.path), "text": $0.text.map(JSONValue.string)]) }
        )
        fields["phone"] = .string(recipient)
        // Contacts and placeholders have numbers with a plus sign or without it.
        let digits = recipient.hasPrefix("+") ? String(recipient.dropFirst()) : recipient
        return JSONValue.object(fields).replacing(recipient, with: hidden)
            .replacing(digits, with: ContactMask.hidden(digits))
    }
}

extension JSONValue {
    /// Returns the value with a text replaced in all its texts.
    fileprivate func replacing(_ text: String, with other: String) -> JSONValue {
        switch self {
        case .string(let old): .string(text.isEmpty ? old : old.replacing(text, with: other))
        case .array(let items): .array(items.map { $0.replacing(text, with: other) })
        case .object(let fields): .object(fields.mapValues { $0.replacing(text, with: other) })
        case .null, .bool, .integer, .number: self
        }
    }
}
