import Foundation
import Spec

/// Builds catalogs from texts.
enum Fixture {
    static let sender = """
        kind: Sender
        name: main
        phoneNumberId: "1065"
        accessToken: env:TOKEN
        """

    static func catalog(
        _ text: String,
        path: String = "campaigns/acme/test.yaml",
        now: Date = Date()
    ) -> SpecCatalog {
        SpecCatalog.load(files: [SpecCatalog.SourceFile(path: path, tenant: "acme", bytes: Array(text.utf8))], now: now)
    }

    static func rendered(_ text: String) -> String {
        let catalog = catalog(text)
        return DiagnosticRenderer(sources: catalog.sources).text(catalog.diagnostics)
    }

    /// One line for each diagnostic: `3:1 C012 message (help)`.
    static func lines(_ text: String) -> [String] {
        catalog(text).diagnostics.map(line)
    }

    static func line(_ diagnostic: Diagnostic) -> String {
        let start = diagnostic.place.start
        let help = diagnostic.help.map { " (\($0))" } ?? ""
        return "\(start.line):\(start.column) \(diagnostic.code.rawValue) \(diagnostic.message)\(help)"
    }

    static func messages(_ error: SpecError) -> [String] {
        error.diagnostics.map { "\($0.field ?? "-"): \($0.message)" }
    }
}
