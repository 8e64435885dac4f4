import Foundation
import JSON
import Spec
import TestSupport
import Testing

@testable import API
@testable import Runtime

/// The description of the API says what the API does.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct DescriptionTests {
    @Test func everyRouteIsDescribedAndEveryDescriptionIsARoute() async throws {
        try await APIFixture.with { api in
            let document = try await api.send("GET", "/openapi.json").json
            var described: Set<String> = []
            for (path, item) in document["paths"]?.objectValue ?? [:] {
                for method in item.objectValue?.keys.sorted() ?? [] {
                    described.insert("\(method.uppercased()) \(path)")
                }
            }
            let registered = Set(api.routes.map { "\($0.method) \($0.path)" })
            #expect(described.subtracting(registered) == [], "described, and not there")
            #expect(registered.subtracting(described) == [], "there, and not described")
            #expect(registered.count > 20)
        }
    }

    @Test func examplesAreWhatTheirShapesAskFor() async throws {
        try await APIFixture.with { api in
            for endpoint in api.endpoints.endpoints {
                var examples: [(Shape, JSONValue)] = endpoint.answers.flatMap {
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
    func eventsAreDescribedAsTheyAreChecked(name: String) throws {
        let pattern = try Regex(try #require(Shape.Format.eventName.pattern))
        let isDescribed = try pattern.wholeMatch(in: name) != nil
        #expect(Shape.formatted(.eventName).problems(of: .string(name)).isEmpty == isDescribed)
    }

    /// Null takes away what may be missing, and nothing else.
    @Test func changesSayWhatMayBeTakenAway() throws {
        let template = SpecSchemas.definitions(for: .template)["Template"]
        let required = template?["required"]?.arrayValue?.compactMap(\.stringValue) ?? []
        #expect(required.contains("body"))
        let change = SpecSchemas.definitions(for: .templateChange)["TemplateChange"]
        for (name, schema) in change?["properties"]?.objectValue ?? [:] {
            let takesNull = schema["anyOf"]?.arrayValue?.contains(["type": "null"]) ?? false
            #expect(takesNull == !required.contains(name), "\(name)")
        }
    }

    @Test func aSchemaIsTheSameWhoeverRefersToIt() async throws {
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

    @Test func referencesLeadSomewhere() async throws {
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
