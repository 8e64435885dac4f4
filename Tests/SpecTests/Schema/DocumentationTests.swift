import Foundation
import Testing

@testable import JSON
@testable import JSONSchema
@testable import Spec

/// `docs/specs.md` is up to date, complete and correct.
struct DocumentationTests {
    @Test func committedFileIsWhatTheCommandWrites() throws {
        let file = SchemaFixture.root.appending(path: "docs/specs.md")
        let committed = try String(contentsOf: file, encoding: .utf8)
        #expect(committed == SpecDocumentation.text, "run `swift run reconcile schema --documentation > docs/specs.md`")
    }

    @Test func examplesOfAllKindsFormAValidCatalog() {
        let text = SpecKind.allCases.map { $0.definition.example }.joined(separator: "\n---\n")
        let catalog = Fixture.catalog(text)
        #expect(catalog.diagnostics.isEmpty, "\(Fixture.lines(text))")
        let kinds = Set(catalog.specs.map { $0.identity.kind })
        #expect(kinds == Set(SpecKind.allCases))
        let blocks = SpecDocumentation.text.components(separatedBy: "```yaml\n").count - 1
        #expect(blocks == SpecKind.allCases.count)
    }

    @Test func filterExamplesAreRead() throws {
        let examples = SpecDocumentation.text.matches(of: /`(\{ field: [^`]+\})`/).map { String($0.1) }
        #expect(examples.count > FilterOperator.allCases.count)
        for example in examples {
            let document = try #require(SchemaFixture.documents(example).first)
            #expect(throws: Never.self, "\(example)") { try AudienceFilter(json: document) }
        }
    }

    /// A field without its default, and one with it, mean the same.
    @Test func defaultsAreWhatReadersTake() throws {
        var count = 0
        for kind in SpecKind.allCases {
            let fields = (SpecHeader.schema.fields + kind.definition.schema.fields).filter { $0.defaultValue != nil }
            for document in SchemaFixture.everything where document["kind"] == .string(kind.rawValue) {
                for field in fields {
                    let absent = document.replacing([.key(field.name)], with: nil)
                    let given = document.replacing([.key(field.name)], with: field.defaultValue ?? .null)
                    // Fields that exclude others are not read together with them.
                    guard SchemaFixture.isRead(absent), SchemaFixture.isRead(given) else { continue }
                    #expect(try kind.spec(canonical: absent).canonical == kind.spec(canonical: given).canonical)
                    count += 1
                }
            }
        }
        #expect(count > 20)
    }
}
