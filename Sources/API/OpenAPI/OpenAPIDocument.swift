import HTTPTypes
import JSON
import Spec

/// The description of the API (OpenAPI 3.1), made from the endpoints themselves.
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
        // Every answer refers to it by its name.
        _ = writer.schema(Self.problemShape)
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "Campaigns", "version": "1",
                "summary": "WhatsApp campaigns: make, launch, schedule, watch.",
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
                        "description": "Names the request, also in the log; a request may bring its own.",
                        "schema": ["type": "string"],
                    ],
                    "RetryAfter": [
                        "description": "Seconds to wait before it is worth trying again.",
                        "schema": ["type": "integer", "minimum": 1],
                    ],
                ],
                "securitySchemes": [
                    "token": [
                        "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                        "description": "HS256, RS256 or ES256, with the claims `tenantId`, `sub` and `exp`.",
                    ]
                ],
            ],
        ]
    }

    /// What holds on every address, said once.
    private static let conventions = """
        `HEAD` is answered like `GET`, without a body. `OPTIONS` is answered with 204 and the methods of the address in \
        `Allow`; any other method with 405, `method_not_allowed`, and the same header. An address that there is not is \
        answered with 404, `not_found`.
        """

    private static let tags = [
        ("campaigns", "Messages to many."), ("runs", "Sending them, and stopping."),
        ("messages", "What became of each message."), ("analytics", "What became of all."),
        ("audiences", "Who would get a message, and whether the quota allows it."),
        ("templates", "Messages that WhatsApp approved."), ("wallets", "Prepaid tokens, and what became of them."),
        ("triggers", "Events that start campaigns."),
        ("service", "The daemon itself."),
    ]

    /// What every answer looks like that is an error.
    static let problemShape = Shape.object(problem)

    private static let problem = ObjectShape(
        "Problem",
        "What went wrong (RFC 9457).",
        [
            ShapeField("type", .text(upTo: 100), isRequired: true, "Always `about:blank`; see `code`."),
            ShapeField("title", .text(upTo: 100), isRequired: true, "The status in words."),
            ShapeField("status", .integer(400...599), isRequired: true, "The status."),
            ShapeField("code", .choice(Problem.Code.self), isRequired: true, "What went wrong, for programs."),
            ShapeField("detail", .text(0...10_000), isRequired: true, "What went wrong, for people."),
            ShapeField("requestId", .text(upTo: 64), isRequired: true, "The name of the request in the log."),
            ShapeField("currentStatus", .text(upTo: 50), "The state that stands in the way."),
            ShapeField(
                "errors",
                .list(
                    .object(
                        ObjectShape(
                            "FieldProblem",
                            "What is wrong with a field.",
                            [
                                ShapeField("field", .text(0...10_000), isRequired: true, "Where it stands."),
                                ShapeField("message", .text(0...10_000), isRequired: true, "What is wrong."),
                            ]
                        )
                    ),
                    count: 1...100
                ),
                "What is wrong with each field."
            ),
        ]
    )

    private func operation(_ endpoint: Endpoint, _ writer: inout SchemaWriter) -> JSONValue {
        var operation: [String: JSONValue] = [
            "operationId": .string(endpoint.name), "tags": [.string(endpoint.tag)],
            "summary": .string(endpoint.summary), "responses": responses(endpoint, &writer),
            "security": endpoint.access == .token ? [["token": []]] : [],
        ]
        operation["description"] = endpoint.details.map(JSONValue.string)
        let parameters =
            endpoint.pathParameters.map { pathParameter($0, endpoint, &writer) }
            + endpoint.query.map { query($0, &writer) }
        if !parameters.isEmpty { operation["parameters"] = .array(parameters) }
        operation["requestBody"] = body(endpoint.body, &writer)
        return .object(operation)
    }

    private func pathParameter(_ name: String, _ endpoint: Endpoint, _ writer: inout SchemaWriter) -> JSONValue {
        let shape = endpoint.pathShapes[name]
        return [
            "name": .string(name), "in": "path", "required": true,
            "description": .string(shape == nil ? "An id." : "A name."), "schema": writer.schema(shape ?? .uuid),
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
        for answer in endpoint.answers {
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
        let example = codes.first.map { Problem($0, "what went wrong, in words") }
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
