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

    /// A sender and the campaign `c`, which sends free text to those in their window.
    static func campaign(
        type: String,
        message: String = "{ type: text, text: { body: Hi } }",
        audience: String = "{ conditions: [{ field: lastSeen, operator: gt, value: -24h }] }"
    ) -> String {
        """
        \(sender)
        ---
        kind: Campaign
        name: c
        type: \(type)
        sender: main
        message: \(message)
        audience: \(audience)
        """
    }

    /// A sender and the template `hello`.
    static func template(body: String) -> String {
        """
        \(sender)
        ---
        kind: Template
        name: hello
        whatsappName: hello
        language: en
        category: utility
        body: "\(body)"
        """
    }

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
