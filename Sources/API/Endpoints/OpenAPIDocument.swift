import AccessTokens
import HTTPTypes
import JSON
import Spec

/// The OpenAPI 3.1 document of the API, made from its endpoints.
struct OpenAPIDocument {
    let endpoints: [Endpoint]

    var json: JSONValue {
        var writer = SchemaWriter()
        var paths: [String: JSONValue] = [:]
        for endpoint in endpoints {
            var item = paths[endpoint.path]?.objectValue ?? [:]
            item[endpoint.method.rawValue.lowercased()] = operation(endpoint, &writer)
            paths[endpoint.path] = .object(item)
        }
        // Answers refer to it by name.
        _ = writer.schema(Self.problemShape)
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "Campaigns", "version": "1",
                "summary": "Create, launch, schedule and watch WhatsApp campaigns.",
                "description": .string(Self.conventions),
                "license": ["name": "Apache 2.0", "identifier": "Apache-2.0"],
            ],
            "servers": [["url": "/"]],
            "tags": .array(Self.tags.map { ["name": .string($0.0), "description": .string($0.1)] }),
            "paths": .object(paths),
            "components": [
                "schemas": .object(writer.components),
                "headers": [
                    "RequestId": [
                        "description": "Id of the request, which the log has too. A request may choose it.",
                        "schema": ["type": "string"],
                    ],
                    "RetryAfter": [
                        "description": "Seconds to wait before the next try.",
                        "schema": ["type": "integer", "minimum": 1],
                    ],
                ],
                "securitySchemes": [
                    "token": [
                        "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                        "description": .string(Self.tokenDescription),
                    ]
                ],
            ],
        ]
    }

    private static let tokenDescription = """
        HS256, RS256 or ES256, with the claims `tenantId`, `sub` and `exp`. The claim `campaigns` or `scope` has the scopes \
        `read`, `operate` (which includes `read`), `contacts` (phone numbers are not masked) and `admin` (all of them); \
        a token without the claim has all. With OIDC_ISSUER also ID tokens of people who sign in there: OIDC_TENANT_CLAIM \
        names their tenant, and without the claim of scopes they may only read.
        """

    /// Rules of all addresses.
    private static let conventions = """
        `HEAD` answers like `GET`, without a body. `OPTIONS` answers 204 with the methods of the address in `Allow`; \
        any other method is answered with 405, `method_not_allowed`, and the same header. An unknown address is \
        answered with 404, `not_found`.
        """

    private static let tags = [
        ("campaigns", "Campaigns: messages to many contacts."),
        ("runs", "Executions of campaigns: launch, schedule, pause, resume, cancel."),
        ("messages", "The log of a campaign, message by message."),
        ("analytics", "Counts and rates."),
        ("audiences", "Recipients of a filter, and the 24-hour quota."),
        ("templates", "Message templates that WhatsApp approved."),
        ("accounts", "WhatsApp Business Accounts, as the daemons have read them."),
        ("wallets", "Prepaid tokens and their ledger."),
        ("triggers", "Events that start campaigns."),
        ("live", "The present state: runs, senders, daemons and alarms."),
        ("service", "Health, metrics, this document, and WhatsApp's webhook."),
    ]

    /// The body of error answers.
    static let problemShape = Shape.object(problem)

    private static let problem = ObjectShape(
        "Problem",
        "Description of an error (RFC 9457).",
        [
            ShapeField("type", .text(upTo: 100), isRequired: true, "Always `about:blank`; see `code`."),
            ShapeField("title", .text(upTo: 100), isRequired: true, "Phrase of the HTTP status."),
            ShapeField("status", .integer(400...599), isRequired: true, "HTTP status."),
            ShapeField("code", .choice(Problem.Code.self), isRequired: true, "Stable name of the error, for programs."),
            ShapeField("detail", .text(0...10_000), isRequired: true, "Explanation for people."),
            ShapeField("requestId", .text(upTo: 64), isRequired: true, "Id of the request, which the log has too."),
            ShapeField("currentStatus", .text(upTo: 50), "State of the campaign that prevents the request."),
            ShapeField(
                "errors",
                .list(
                    .object(
                        ObjectShape(
                            "FieldProblem",
                            "Error in one field.",
                            [
                                ShapeField("field", .text(0...10_000), isRequired: true, "Path of the field."),
                                ShapeField("message", .text(0...10_000), isRequired: true, "Explanation."),
                            ]
                        )
                    ),
                    count: 1...100
                ),
                "Errors in fields."
            ),
        ]
    )

    private func operation(_ endpoint: Endpoint, _ writer: inout SchemaWriter) -> JSONValue {
        var operation: [String: JSONValue] = [
            "operationId": .string(endpoint.name), "tags": [.string(endpoint.tag)],
            "summary": .string(endpoint.summary), "responses": responses(endpoint, &writer),
            "security": security(endpoint.neededAccess),
        ]
        operation["description"] = description(endpoint).map(JSONValue.string)
        let parameters =
            endpoint.pathParameters.map { pathParameter($0, endpoint, &writer) }
            + endpoint.query.map { query($0, &writer) }
        if !parameters.isEmpty { operation["parameters"] = .array(parameters) }
        operation["requestBody"] = body(endpoint.body, &writer)
        return .object(operation)
    }

    private func security(_ access: Endpoint.Access) -> JSONValue {
        switch access {
        case .open: []
        case .anyToken: [["token": []]]
        case .token(let scope): [["token": [.string(scope.rawValue)]]]
        }
    }

    private func description(_ endpoint: Endpoint) -> String? {
        guard case .token(let scope) = endpoint.neededAccess else { return endpoint.details }
        let scopes = "Needs the scope `\(scope.rawValue)`."
        return endpoint.details.map { "\($0)\n\n\(scopes)" } ?? scopes
    }

    private func pathParameter(_ name: String, _ endpoint: Endpoint, _ writer: inout SchemaWriter) -> JSONValue {
        let shape = endpoint.pathShapes[name]
        return [
            "name": .string(name), "in": "path", "required": true,
            "description": .string(shape == nil ? "Id of the \(endpoint.noun ?? name)." : "Name of the \(name)."),
            "schema": writer.schema(shape ?? .uuid),
        ]
    }

    private func query(_ parameter: QueryParameter, _ writer: inout SchemaWriter) -> JSONValue {
        var schema = writer.schema(parameter.shape).objectValue ?? [:]
        schema["default"] = parameter.fallback
        var fields: [String: JSONValue] = [
            "name": .string(parameter.name), "in": "query", "required": false,
            "description": .string(parameter.description), "schema": .object(schema),
        ]
        fields["example"] = parameter.example
        return .object(fields)
    }

    private func body(_ body: Endpoint.Body, _ writer: inout SchemaWriter) -> JSONValue? {
        switch body {
        case .none: nil
        case .required(let shape, let example): request(shape, example, isRequired: true, &writer)
        case .optional(let shape, let example): request(shape, example, isRequired: false, &writer)
        }
    }

    private func request(
        _ shape: Shape,
        _ example: JSONValue,
        isRequired: Bool,
        _ writer: inout SchemaWriter
    ) -> JSONValue {
        [
            "required": .bool(isRequired),
            "description": .string("At most \(Endpoint.largestBody) bytes."),
            "content": ["application/json": ["schema": writer.schema(shape), "example": example]],
        ]
    }

    private func responses(_ endpoint: Endpoint, _ writer: inout SchemaWriter) -> JSONValue {
        var responses: [String: JSONValue] = [:]
        for answer in endpoint.responses {
            var content: [String: JSONValue] = [:]
            for form in answer.content {
                content[form.mediaType] = ["schema": writer.schema(form.shape), "example": form.example]
            }
            var fields: [String: JSONValue] = [
                "description": .string(answer.description),
                "headers": ["X-Request-Id": ["$ref": "#/components/headers/RequestId"]],
            ]
            if !content.isEmpty { fields["content"] = .object(content) }
            responses[String(answer.status.code)] = .object(fields)
        }
        let problems = Dictionary(grouping: endpoint.allProblems, by: \.status.code)
        for (status, codes) in problems where responses[String(status)] == nil {
            responses[String(status)] = problemResponse(status, codes)
        }
        return .object(responses)
    }

    private func problemResponse(_ status: Int, _ codes: [Problem.Code]) -> JSONValue {
        let words = codes.map { "`\($0.rawValue)`" }.joined(separator: ", ")
        let example = codes.first.map { Problem($0, "explanation") }
        var headers: [String: JSONValue] = ["X-Request-Id": ["$ref": "#/components/headers/RequestId"]]
        if codes.contains(.tooManyRequests) || codes.contains(.unavailable) {
            headers["Retry-After"] = ["$ref": "#/components/headers/RetryAfter"]
        }
        return [
            "description": .string(words),
            "headers": .object(headers),
            "content": [
                "application/problem+json": [
                    "schema": ["$ref": "#/components/schemas/Problem"],
                    "example": example?.json(requestID: "8d6f1a52-1b3c-4a57-9d3c-0c6a3a1a2b4c") ?? .null,
                ]
            ],
        ]
    }
}
