import ArgumentParser
import CommandKit
import Daemon
import JSON
import Settings
import Spelling
import Store

struct ContactsEraseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "erase",
        abstract: "Erase what is held about a person.",
        discussion: """
            Name, number, other ids, metadata, and the content of messages and events are removed, also from rows that were \
            merged; messages that wait are cancelled. Counts stay, and an opt-out is kept under a hash by ERASURE_KEY. It is \
            harmless to repeat.

            Examples:
              campaignd contacts erase +254700000017 --tenant acme
              campaignd contacts erase +254700000017 --tenant acme --yes --format json
            """
    )

    @Argument(help: "The person: a phone number in any spelling, or another id.")
    var id: String

    @Option(help: "Tenant of the contact.")
    var tenant: String

    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        guard let key = try Variables(database.environment).erasureKey() else { throw ErasureError.noKey }
        try await confirmation.confirm("Erase \(id) of tenant \(tenant)? This cannot be undone.")
        let erased = try await database.withPool(of: [tenant]) { pool in
            try await ContactErasure(pool: pool, key: key).erase(id, tenant: tenant)
        }
        output.write(
            [
                "contacts": .integer(erased.contacts), "messages": .integer(erased.messages),
                "others": .integer(erased.others), "keepsOptOut": .bool(erased.keepsOptOut),
            ],
            text: Self.text(of: erased)
        )
    }

    private static func text(of erased: ContactErasure.Result) -> String {
        guard !erased.isEmpty else { return "nothing is held about this person" }
        let parts = [
            NumberText.count(erased.contacts, "contact"), NumberText.count(erased.messages, "message"),
            NumberText.count(erased.others, "other row"),
        ]
        return "erased \(parts.joined(separator: ", "))" + (erased.keepsOptOut ? "; the opt-out is kept" : "")
    }
}

struct ContactsExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Show all that is held about a person, as JSON by table.",
        discussion: """
            Examples:
              campaignd contacts export +254700000017 --tenant acme
            """
    )

    @Argument(help: "The person: a phone number in any spelling, or another id.")
    var id: String

    @Option(help: "Tenant of the contact.")
    var tenant: String

    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let text = try await database.withPool(of: [tenant]) { pool in
            try await ContactExport(pool: pool).text(id, tenant: tenant)
        }
        print(text ?? "{}")
    }
}
