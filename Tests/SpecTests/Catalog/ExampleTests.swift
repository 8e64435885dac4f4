import Foundation
import Spec
import Testing

/// The examples of `reconcile explain` produce the diagnostics that they explain.
struct ExampleTests {
    /// These codes concern whole files, not a text in one, or two files, so they have no example.
    private static let withoutExample: Set<DiagnosticCode> = [
        .encoding, .tooLarge, .misplacedFile, .unreadableFile, .tooManyFindings, .sharedAccount, .unpricedMarket,
        .mediaContent, .mediaSize, .mediaDoubt,
        .unknownEnvironmentValue, .unusedEnvironmentValue,
    ]

    @Test(arguments: DiagnosticCode.allCases)
    func showsTheMistakeAndItsCorrection(code: DiagnosticCode) throws {
        guard !Self.withoutExample.contains(code) else {
            #expect(code.example == nil)
            return
        }
        let example = try #require(code.example)
        let found = Fixture.catalog(example.bad).diagnostics.map(\.code)
        #expect(found.contains(code), "\(example.bad)\n\(Fixture.lines(example.bad))")
        #expect(!Fixture.catalog(example.good).diagnostics.contains { $0.code == code }, "\(example.good)")
        #expect(Fixture.catalog(example.good).isValid || code == .unknownReference, "\(Fixture.lines(example.good))")
    }

    @Test(arguments: DiagnosticCode.allCases)
    func explainsEveryCode(code: DiagnosticCode) {
        #expect(!code.title.isEmpty)
        #expect(code.helpText.contains(code.explanation))
    }

    /// An entry that its family's list leaves out would not be found by its name.
    @Test func everyEntryIsInTheListOfItsFamily() throws {
        let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Sources/Spec/Diagnostics/Codes")
        let files = try FileManager.default.contentsOfDirectory(at: sources, includingPropertiesForKeys: nil)
        let entries = try files.flatMap { file in
            try String(contentsOf: file, encoding: .utf8).matches(of: /DiagnosticCode\(\s*"(C\d+)"/).map {
                String($0.1)
            }
        }
        #expect(entries.sorted() == DiagnosticCode.allCases.map(\.rawValue), "add the entry to its family's list")
    }
}
