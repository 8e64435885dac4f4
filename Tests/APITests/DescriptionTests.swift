import Foundation
import HTTPTypes
import JSON
import Spec
import TestSupport
import Testing

@testable import API

/// The OpenAPI document and the pages in `docs` agree with the API.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct DescriptionTests {
    @Test func describesEveryRouteAndNothingElse() async throws {
        try await APIFixture.with { api in
            let document = try await api.send("GET", "/openapi.json").json
            var described: Set<String> = []
            for (path, item) in document["paths"]?.objectValue ?? [:] {
                for method in item.objectValue?.keys.sorted() ?? [] {
                    described.insert("\(method.uppercased()) \(path)")
                }
            }
            // The dashboard is a user of the API, not a part of it.
            let routes = api.routes.filter { $0.path != "/ui" && !$0.path.hasPrefix("/ui/") }
            let registered = Set(routes.map { "\($0.method) \($0.path)" })
            #expect(described.subtracting(registered) == [], "described, and not there")
            #expect(registered.subtracting(described) == [], "there, and not described")
            #expect(registered.count > 20)
        }
    }

    /// The table lists routes as `GET PATCH /campaigns/{id}`.
    @Test func listsEveryRouteInTheDocumentOfTheAPI() async throws {
        try await APIFixture.with { api in
            let text = try Self.document("api.md")
            let table = try #require(text.split(separator: "\n## ").first { $0.hasPrefix("Routes\n") })
            var documented: [String] = []
            for row in table.split(separator: "\n") where row.hasPrefix("| `") {
                let cell = row.split(separator: "|")[0]
                for code in cell.matches(of: /`([^`]+)`/) {
                    let words = code.1.split(separator: " ")
                    let path = try #require(words.last, "\(row)")
                    #expect(words.count > 1 && path.hasPrefix("/"), "\(row)")
                    documented += words.dropLast().map { "\($0) \(path)" }
                }
            }
            #expect(Set(documented).count == documented.count, "each route is listed once")
            let routes = Set(api.endpoints.endpoints.map { "\($0.method.rawValue) \($0.path)" })
            #expect(routes.subtracting(documented).sorted() == [], "missing in docs/api.md")
            #expect(Set(documented).subtracting(routes).sorted() == [], "documented, but no route")
        }
    }

    /// The example proxy passes all routes that need a token, and the webhook.
    @Test func passesEveryRouteOfTheAPIThroughTheExampleProxy() async throws {
        try await APIFixture.with { api in
            let text = try Self.document("operations.md")
            let locations = text.matches(of: /location (?:= )?(\/[a-z\/.]+)/).map { String($0.1) }
            for endpoint in api.endpoints.endpoints
            where endpoint.neededAccess != .open || endpoint.path.contains("webhook") {
                #expect(locations.contains { endpoint.path.hasPrefix($0) }, "\(endpoint.path)")
            }
        }
    }

    private static func document(_ name: String) throws -> String {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return try String(contentsOf: root.appending(path: "docs/\(name)"), encoding: .utf8)
    }

    @Test func hasExamplesThatMatchTheirShapes() async throws {
        try await APIFixture.with { api in
            for endpoint in api.endpoints.endpoints {
                var examples: [(Shape, JSONValue)] = endpoint.responses.flatMap {
                    $0.content.map { ($0.shape, $0.example) }
                }
                switch endpoint.body {
                case .none: break
                case .required(let shape, let example), .optional(let shape, let example):
                    examples.append((shape, example))
                }
                for (shape, example) in examples {
                    #expect(shape.problems(of: example) == [], "\(endpoint.method) \(endpoint.path)")
                }
            }
        }
    }

    @Test(arguments: ["payment.received", "7", "-x", ".x", "a b", "", "é", String(repeating: "a", count: 51)])
    func describesNamesOfEventsAsTheyAreChecked(name: String) throws {
        let pattern = try Regex(try #require(Shape.Format.eventName.pattern))
        let isDescribed = try pattern.wholeMatch(in: name) != nil
        #expect(Shape.formatted(.eventName).problems(of: .string(name)).isEmpty == isDescribed)
    }

    @Test func allowsNullForOptionalFieldsOfTemplatesOnly() throws {
        let template = SpecSchemas.definitions(for: .template)["Template"]
        let required = template?["required"]?.arrayValue?.compactMap(\.stringValue) ?? []
        #expect(required.contains("whatsappName"))
        let change = SpecSchemas.definitions(for: .templateChange)["TemplateChange"]
        for (name, schema) in change?["properties"]?.objectValue ?? [:] {
            let takesNull = schema["anyOf"]?.arrayValue?.contains(["type": "null"]) ?? false
            #expect(takesNull == !required.contains(name), "\(name)")
        }
    }

    @Test func hasOneSchemaForEachName() async throws {
        try await APIFixture.with { api in
            func schemas(_ endpoints: [Endpoint]) -> [String: JSONValue] {
                OpenAPIDocument(endpoints: endpoints).json["components"]?["schemas"]?.objectValue ?? [:]
            }
            let all = schemas(api.endpoints.endpoints)
            for endpoint in api.endpoints.endpoints {
                for (name, schema) in schemas([endpoint]) {
                    #expect(all[name] == schema, "\(name) of \(endpoint.name) is another one elsewhere")
                }
            }
        }
    }

    @Test func definesEverySchemaThatIsReferenced() async throws {
        try await APIFixture.with { api in
            let document = try await api.send("GET", "/openapi.json").json
            let known = Set(document["components"]?["schemas"]?.objectValue?.keys.map { $0 } ?? [])
            func references(_ value: JSONValue) -> [String] {
                switch value {
                case .array(let items): items.flatMap(references)
                case .object(let fields):
                    fields.flatMap { key, value in
                        key == "$ref" ? [value.stringValue ?? ""] : references(value)
                    }
                default: []
                }
            }
            let prefix = "#/components/schemas/"
            let used = Set(
                references(document).filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
            )
            #expect(used == known)
            let names = api.endpoints.endpoints.map(\.name)
            #expect(Set(names).count == names.count, "operations have names of their own")
        }
    }
}
