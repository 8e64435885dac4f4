import Foundation
import Testing

@testable import JSON
@testable import JSONSchema
@testable import Spec

/// The schema of specs agrees with the readers.
struct SchemaTests {
    @Test func committedFileIsWhatTheCommandWrites() throws {
        let name = "campaigns/\(SpecSchema.folder)/\(SpecSchema.fileName(of: nil))"
        let committed = try String(contentsOf: SchemaFixture.root.appending(path: name), encoding: .utf8)
        #expect(committed == SpecSchema.text(of: nil), "run `swift run reconcile schema --into campaigns/.schema`")
    }

    /// Editors check files before values of the environment are filled in.
    @Test func fileForEditorsTakesValuesOfEnvironments() throws {
        let validator = SchemaValidator(try JSONValue(parsing: SpecSchema.text(of: nil)))
        let sender: JSONValue = [
            "kind": "Sender", "name": "main", "phoneNumberId": "${id}", "accessToken": "env:TOKEN",
            "ratePerSecond": "${rate}", "onQuotaExhausted": "${reaction}", "dailyLimit": "${limit}",
        ]
        #expect(validator.failures(of: sender).isEmpty, "\(validator.failures(of: sender))")
        for (field, value) in [("name", "${id}"), ("ratePerSecond", "${"), ("ratePerSecond", "fast")] {
            let wrong = sender.replacing([.key(field)], with: .string(value))
            #expect(!validator.isValid(wrong), "\(field): \(value)")
        }
        for document in SchemaFixture.everything {
            #expect(validator.failures(of: document).isEmpty, "\(document)")
        }
    }

    @Test func examplesNameTheSchemaAndAreValid() throws {
        let examples = try SchemaFixture.examples()
        try #require(!examples.isEmpty)
        for (path, text) in examples {
            #expect(text.hasPrefix(SpecSchema.modeline + "\n"), "\(path) lacks the line for editors")
            for document in SchemaFixture.documents(text) {
                #expect(SchemaFixture.validator.failures(of: document).isEmpty, "\(path): \(document)")
            }
        }
    }

    @Test(arguments: SpecKind.allCases)
    func kindHasASchemaOfItsOwn(kind: SpecKind) throws {
        let validator = SchemaValidator(SpecSchema.json(of: kind))
        for document in SchemaFixture.everything {
            #expect(validator.isValid(document) == (document["kind"] == .string(kind.rawValue)), "\(document)")
        }
    }

    @Test func everyFieldIsDescribedWithExamplesThatItTakes() {
        var count = 0
        visit(SpecSchema.json(of: nil)) { name, field in
            count += 1
            #expect(field["description"]?.stringValue?.hasSuffix(".") == true, "\(name)")
            #expect(field["examples"]?.arrayValue?.isEmpty == false, "\(name)")
            var schema = field.objectValue ?? [:]
            schema["definitions"] = SpecSchema.json(of: nil)["definitions"]
            for example in field["examples"]?.arrayValue ?? [] {
                #expect(SchemaValidator(.object(schema)).failures(of: example).isEmpty, "\(name): \(example)")
            }
        }
        #expect(count > 100)
    }

    @Test func readersAndSchemaKnowTheSameFields() throws {
        var seen: Set<Set<String>> = []
        for document in SchemaFixture.everything {
            #expect(SchemaFixture.isRead(document), "\(document)")
            #expect(SchemaFixture.validator.failures(of: document).isEmpty, "\(document)")
            for object in SchemaFixture.validator.closedObjects(in: document) {
                let probe = "qqqqqqqqqqqq"
                let changed = document.replacing(object.path + [.key(probe)], with: .bool(true))
                #expect(knownFields(of: changed, besides: probe) == object.properties, "\(object.path) of \(document)")
                seen.insert(object.properties)
            }
        }
        // The documents contained every mapping of the schema.
        var missing: [Set<String>] = []
        visitClosed(SpecSchema.json(of: nil)) { if !seen.contains($0) { missing.append($0) } }
        // These kinds of content differ only by name from one in the documents.
        let alike = ["video", "sticker", "audio", "image"]
        #expect(missing.filter { $0.isDisjoint(with: alike) }.isEmpty)
    }

    /// The fields that a reader suggests for an unknown one.
    private func knownFields(of document: JSONValue, besides probe: String) -> Set<String> {
        let kind = document["kind"]?.stringValue.flatMap(SpecKind.init)
        do {
            _ = try kind?.spec(canonical: document)
            return []
        } catch {
            let unknown = error.diagnostics.first { $0.code == .unknownField && $0.message.contains(probe) }
            let help = (unknown?.help ?? "").split(separator: " takes ", maxSplits: 1).last ?? ""
            return Set(help.matches(of: /`([^`]+)`/).map { String($0.1) })
        }
    }

    private func visit(_ schema: JSONValue, _ body: (String, JSONValue) -> Void) {
        if schema["additionalProperties"] == false {
            for (name, field) in schema["properties"]?.objectValue ?? [:] { body(name, field) }
        }
        for child in children(of: schema) { visit(child, body) }
    }

    private func visitClosed(_ schema: JSONValue, _ body: (Set<String>) -> Void) {
        if schema["additionalProperties"] == false { body(Set(schema["properties"]?.objectValue?.keys ?? [:].keys)) }
        for child in children(of: schema) { visitClosed(child, body) }
    }

    private func children(of value: JSONValue) -> [JSONValue] {
        (value.objectValue?.filter { $0.key != "examples" }.values.map { $0 } ?? []) + (value.arrayValue ?? [])
    }
}
