import AccessTokens
import Foundation
import HTTPTypes
import Hummingbird
import JSON
import Spec
import Store

/// Contacts: the people who may get messages.
struct ContactEndpoints: Sendable {
    /// Maximum number of contacts in one request.
    static let largestBatch = 1_000

    let contacts: ContactRepository
    let erasure: ContactErasure
    let now: @Sendable () -> Date

    var all: [Endpoint] { [list, search, add, find, put, erase] }

    private static let path = "/contacts/{contactId}"
    private static let pathShapes = ["contactId": Shape.text(upTo: ContactRules.longestID)]
    private static let page = Endpoint.ResponseShape.json(
        .ok,
        "A page of contacts.",
        .object(ContactShapes.list),
        example: ["items": [ContactShapes.example], "page": 1, "limit": 20, "total": 1]
    )

    private var list: Endpoint {
        Endpoint(
            method: .get,
            path: "/contacts",
            name: "listContacts",
            tag: "contacts",
            summary: "List the contacts, in the order of their ids",
            details: "With a filter, those within it; `POST /contacts/search` takes the same filter as its body.",
            query: [
                .page, .limit,
                QueryParameter(
                    "filter",
                    .text(upTo: 8_000),
                    "A filter as JSON: that of audiences. Contacts who opted out are listed, too.",
                    example: #"{"field":"tags","operator":"is_null"}"#
                ),
            ],
            responses: [Self.page],
            handle: .checked { call in
                try await page(call, filter: try call.text("filter").map { text in try Self.filter(text: text) })
            }
        )
    }

    private var search: Endpoint {
        Endpoint(
            method: .post,
            path: "/contacts/search",
            name: "searchContacts",
            tag: "contacts",
            summary: "List the contacts within a filter, in the order of their ids",
            details: "The filter is that of audiences. Contacts who opted out are listed, too.",
            access: .token(.read),
            query: [.page, .limit],
            body: .required(
                .spec(.filter),
                example: ["logic": "AND", "conditions": [["field": "tags", "operator": "contains", "value": "vip"]]]
            ),
            responses: [Self.page],
            handle: .checked { call in try await page(call, filter: try Self.filter(call.body)) }
        )
    }

    private static func filter(text: String) throws(Problem) -> AudienceFilter {
        let json: JSONValue
        do {
            json = try JSONValue(parsing: text)
        } catch {
            throw Problem(.invalidParameter, "the query parameter `filter` is not JSON: \(error)")
        }
        do throws(SpecError) {
            return try AudienceFilter(json: json)
        } catch {
            throw Problem(.invalidParameter, "the query parameter `filter` is not a filter: \(error)")
        }
    }

    private static func filter(_ body: JSONValue) throws(Problem) -> AudienceFilter {
        do throws(SpecError) {
            return try AudienceFilter(json: body)
        } catch {
            throw .invalid(FieldProblem.all(of: error, below: ""))
        }
    }

    private func page(_ call: APICall, filter: AudienceFilter?) async throws -> APIResponse {
        if let filter { try ContactMask.check(filter, for: call.caller) }
        let (found, total) = try await contacts.list(
            tenant: call.tenant,
            filter: filter,
            now: now(),
            page: call.page,
            limit: call.limit
        )
        return call.page(found.map { $0.json(for: call) }, total: total)
    }

    private var find: Endpoint {
        Endpoint(
            method: .get,
            path: Self.path,
            name: "getContact",
            tag: "contacts",
            summary: "Get a contact",
            pathShapes: Self.pathShapes,
            responses: [.json(.ok, "The contact.", .object(ContactShapes.contact), example: ContactShapes.example)],
            handle: .checked { call in
                let id = try await id(call)
                guard let contact = try await contacts.find(id, tenant: call.tenant) else {
                    throw Problem.notFound("contact")
                }
                return .json(contact.json(for: call))
            }
        )
    }

    private var put: Endpoint {
        Endpoint(
            method: .put,
            path: Self.path,
            name: "putContact",
            tag: "contacts",
            summary: "Add or change a contact",
            details: """
                Fields that are left out stay as they are, `null` clears one, and `metadata` is merged key by key. \
                `optedIn: false` opts the person out. For a person who has opted out, `optedIn: true` answers 409, unless \
                `optedInAt` is later than the opt-out, or `allowOptIn` is true and `reason` says how the person agreed.
                """,
            pathShapes: Self.pathShapes,
            body: .required(.object(ContactShapes.change), example: ["name": "Amina", "tags": ["vip"]]),
            responses: [
                .json(.ok, "The changed contact.", .object(ContactShapes.contact), example: ContactShapes.example),
                .json(.created, "The new contact.", .object(ContactShapes.contact), example: ContactShapes.example),
            ],
            problems: [.stateConflict, .notReady],
            handle: .checked { call in
                let id = try await id(call)
                let change = try Self.change(call.body, id: id)
                let outcome = try await contacts.put([change], tenant: call.tenant, by: call.actor)[0]
                if let problem = outcome.problem { throw Problem(.stateConflict, problem) }
                guard let contact = try await contacts.find(id, tenant: call.tenant) else {
                    throw Problem(.stateConflict, "the contact was deleted at the same time")
                }
                return .json(contact.json(for: call), status: outcome == .created ? .created : .ok)
            }
        )
    }

    private var erase: Endpoint {
        Endpoint(
            method: .delete,
            path: Self.path,
            name: "eraseContact",
            tag: "contacts",
            summary: "Erase a person",
            details: """
                Removes name, number, other ids, metadata, and the content of messages and events; counts stay, and an opt-out \
                is kept under a hash. Messages that wait are cancelled. It cannot be undone. Without `ERASURE_KEY` it answers \
                409; with nothing to erase, 404.
                """,
            pathShapes: Self.pathShapes,
            responses: [Endpoint.ResponseShape(status: .noContent, description: "Erased.")],
            problems: [.notReady],
            handle: .checked { call in
                let erased = try await erasure.erase(try await id(call), tenant: call.tenant)
                if erased.isEmpty { throw Problem.notFound("contact") }
                return .noContent
            }
        )
    }

    private var add: Endpoint {
        Endpoint(
            method: .post,
            path: "/contacts",
            name: "putContacts",
            tag: "contacts",
            summary: "Add or change up to 1,000 contacts",
            details: """
                Each contact is taken or refused by the rules of `PUT /contacts/{contactId}`, with an answer of its own. It is \
                harmless to repeat the request.
                """,
            body: .required(
                .list(.object(ContactShapes.namedChange), count: 1...Self.largestBatch),
                example: [["contactId": "+254 712 345 678", "name": "Amina", "tags": ["vip"]]]
            ),
            responses: [
                .json(
                    .ok,
                    "One answer for each contact, in their order.",
                    .list(.object(ContactShapes.answer), count: 1...Self.largestBatch),
                    example: [["contactId": "254712345678", "result": "created"]]
                )
            ],
            problems: [.notReady],
            handle: .checked { call in
                let items = call.body.arrayValue ?? []
                var changes: [ContactChange] = []
                var answers: [JSONValue] = []
                var places: [Int] = []
                let reader = try await contacts.reader(for: call.tenant)
                for item in items {
                    let text = item["contactId"]?.stringValue ?? ""
                    do throws(Problem) {
                        changes.append(try Self.change(item, id: try Self.id(text, reader)))
                        places.append(answers.count)
                        answers.append(.null)
                    } catch {
                        answers.append(Self.refusal(of: text, error))
                    }
                }
                let outcomes = try await contacts.put(changes, tenant: call.tenant, by: call.actor)
                for (place, (change, outcome)) in zip(places, zip(changes, outcomes)) {
                    answers[place] = Self.answer(change.contactID, outcome)
                }
                return .json(.array(answers))
            }
        )
    }

    private static func answer(_ id: String, _ outcome: ContactOutcome) -> JSONValue {
        if let problem = outcome.problem { return refusal(of: id, Problem(.stateConflict, problem)) }
        return ["contactId": .string(id), "result": outcome == .created ? "created" : "updated"]
    }

    private static func refusal(of id: String, _ problem: Problem) -> JSONValue {
        [
            "contactId": .string(id), "result": "refused", "status": .integer(problem.code.status.code),
            "code": .string(problem.code.rawValue), "detail": .string(problem.detail.shown),
        ]
    }

    private func id(_ call: APICall) async throws -> String {
        let text = call.context.parameters.get("contactId")?.removingPercentEncoding ?? ""
        return try Self.id(text, try await contacts.reader(for: call.tenant))
    }

    private static func id(_ text: String, _ reader: PhoneNumberReader) throws(Problem) -> String {
        do {
            return try reader.readID(text)
        } catch {
            throw .parameter("contactId", error.description)
        }
    }

    /// Reads a checked body.
    private static func change(_ body: JSONValue, id: String) throws(Problem) -> ContactChange {
        var reason: String?
        if body["allowOptIn"] == true {
            reason = body["reason"]?.stringValue
            if reason == nil { throw .invalid("reason", "is missing; say how the person agreed") }
        }
        var values: [ContactColumn: JSONValue] = [:]
        for column in ContactColumn.allCases where column != .contactId {
            guard let value = body[column.rawValue] else { continue }
            values[column] = column == .tags ? tags(value) : value
        }
        return ContactChange(
            contactID: id,
            values: values,
            optedInAt: body["optedInAt"]?.stringValue.flatMap(Date.init(apiText:)),
            optInReason: reason
        )
    }

    /// Returns tags as an import stores them: without blanks around them, and each once.
    private static func tags(_ value: JSONValue) -> JSONValue {
        guard let items = value.arrayValue else { return value }
        var tags: [String] = []
        for item in items {
            let tag = (item.stringValue ?? "").trimmingCharacters(in: .whitespaces)
            if !tag.isEmpty, !tags.contains(tag) { tags.append(tag) }
        }
        return .array(tags.map(JSONValue.string))
    }
}

extension ContactOutcome {
    /// The reason why nothing was changed; `nil` if something was.
    fileprivate var problem: String? {
        switch self {
        case .created, .updated: nil
        case .optedOut:
            "the person has opted out; if the person has agreed again, set `allowOptIn` and say in `reason` how"
        case .repeated: "an earlier contact of the request is the same person; send one of them"
        }
    }
}

extension ContactRecord {
    /// Returns the contact as answers show it: without the scope `contacts`, ids are masked and metadata is left out.
    fileprivate func json(for call: APICall) -> JSONValue {
        var fields: [String: JSONValue] = ["contactId": .string(call.shown(contactID))]
        for (column, value) in values where !(call.isMasked && column == .metadata) {
            fields[column.rawValue] =
                switch value {
                case .text(let text):
                    .string(call.isMasked ? ContactMask.hidden(text, of: column.rawValue) : text)
                case .integer(let number): .integer(number)
                case .time(let time): .string(time.apiText)
                case .flag(let flag): .bool(flag)
                case .list(let items): .array(items.map(JSONValue.string))
                case .object(let object): object
                }
        }
        fields["suppressed"] = suppressed.map { .string($0.rawValue) }
        fields["waId"] = waID.map { .string(call.shown($0)) }
        fields["userId"] = userID.map { .string(call.shown($0)) }
        fields["currentNumber"] = currentNumber.map { .string(call.shown($0)) }
        if !ids.isEmpty {
            fields["ids"] = .array(ids.map { ["kind": .string($0.kind), "id": .string(call.shown($0.id))] })
        }
        return .object(fields)
    }
}

/// Contacts in requests and answers.
private enum ContactShapes {
    private static let id = ShapeField(
        "contactId",
        .text(upTo: ContactRules.longestID),
        isRequired: true,
        "Phone number in any spelling, or a user id of WhatsApp; answers have it as it is stored.",
        example: "254712345678"
    )

    /// Returns the columns, with the rules of imports.
    private static func columns(isRequest: Bool) -> [ShapeField] {
        ContactColumn.allCases.filter { $0 != .contactId }.map { column in
            ShapeField(column.rawValue, shape(of: column, isRequest: isRequest), description(of: column))
        }
    }

    private static func shape(of column: ContactColumn, isRequest: Bool) -> Shape {
        let shape: Shape =
            switch column.definition.cell {
            case .phone: .text(upTo: ContactRules.longestID)
            // Columns of other systems may be longer.
            case .text(let maximum): .text(0...(isRequest ? maximum : 1_000_000))
            case .number(let range): isRequest ? .integer(range) : .integer(-(1 << 53)...(1 << 53))
            case .time: .dateTime
            case .boolean: .bool
            case .tags: .list(.text(0...(isRequest ? 100 : 1_000_000)), count: 0...(isRequest ? 1_000 : 1_000_000))
            case .keys: .map(.any, keys: 0...(isRequest ? 200 : 1_000_000))
            }
        // Consent and metadata cannot be cleared.
        return isRequest && column != .optedIn && column != .metadata ? .nullable(shape) : shape
    }

    private static func description(of column: ContactColumn) -> String {
        switch column {
        case .contactId: id.description
        case .name: "Name."
        case .email: "Email address."
        case .pin: "Personal number, as the tenant uses it."
        case .yearOfBirth: "Year of birth."
        case .messageCount: "Number of messages that the contact has written."
        case .firstSeen: "When the contact wrote first."
        case .lastSeen: "When the contact wrote last; it never moves backwards."
        case .paymentStatus: "State of payment, such as `paid`."
        case .tags: "Tags."
        case .optedIn: "True if the contact agreed to get messages."
        case .optedInAt: "When the contact agreed."
        case .deactivatedAt: "When the contact was deactivated; it gets no messages then."
        case .metadata: "Anything else, by key."
        }
    }

    private static let consent = [
        ShapeField("allowOptIn", .bool, "True to opt in a person who has opted out and has agreed again."),
        ShapeField("reason", .text(upTo: 1_000), "How the person agreed, for the history.", example: "signed a form"),
    ]

    static let contact = ObjectShape(
        "Contact",
        "A contact. Fields without a value are left out.",
        [id] + columns(isRequest: false) + [
            ShapeField(
                "suppressed",
                .choice(ConsentLevel.self),
                "The messages that the person opted out of; absent if there are none."
            ),
            ShapeField(
                "waId",
                .text(upTo: ContactRules.longestID),
                "Number by which WhatsApp knows the person; absent if it is not known to differ.",
                example: "551187654321"
            ),
            ShapeField(
                "userId",
                .text(upTo: ContactRules.longestID),
                "Business-scoped user id of the person, the latest one.",
                example: "KE.40512998877"
            ),
            ShapeField(
                "currentNumber",
                .text(upTo: ContactRules.longestID),
                "Number to which messages go in place of `contactId`: the person has moved to it."
            ),
            ShapeField(
                "ids",
                .list(.object(learnedID), count: 0...10_000),
                "Other ids of the person, the latest first; each of them finds the contact."
            ),
        ]
    )

    private static let learnedID = ObjectShape(
        "LearnedID",
        "An id of a person besides the `contactId`.",
        [
            ShapeField(
                "kind",
                .text(upTo: 10),
                isRequired: true,
                "`waId`, `userId`, or `contactId` for that of a merged contact.",
                example: "userId"
            ),
            ShapeField(
                "id",
                .text(upTo: ContactRules.longestID),
                isRequired: true,
                "The id.",
                example: "KE.40512998877"
            ),
        ]
    )

    static let change = ObjectShape(
        "ContactChange",
        "The fields of a contact to set.",
        columns(isRequest: true) + consent
    )

    static let namedChange = ObjectShape(
        "NamedContactChange",
        "The fields of a contact to set, with its id.",
        [id] + columns(isRequest: true) + consent
    )

    static let answer = ObjectShape(
        "ContactAnswer",
        "What became of one contact.",
        [
            id, ShapeField("result", .choice(["created", "updated", "refused"]), isRequired: true, "The result."),
            ShapeField("status", .integer(400...499), "The HTTP status of the refusal.", example: 409),
            ShapeField("code", .text(0...50), "The code of the refusal, as in problems.", example: "state_conflict"),
            ShapeField("detail", .text(0...10_000), "Why it was refused, for people."),
        ]
    )

    static let example: JSONValue = [
        "contactId": "254712345678", "name": "Amina", "tags": ["vip"], "optedIn": true, "messageCount": 3,
        "lastSeen": "2026-11-28T09:00:00Z", "metadata": ["plan": "premium"],
    ]

    static let list = ObjectShape.page(of: contact, "ContactList", "A page of contacts.")
}
