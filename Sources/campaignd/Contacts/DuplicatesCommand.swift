import API
import ArgumentParser
import CommandKit
import Foundation
import JSON
import Spelling
import Store

struct ContactsDuplicatesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "duplicates",
        abstract: "Show people who have several contacts.",
        discussion: """
            Contacts are one person if WhatsApp takes their numbers for one (a number of Brazil with and without its ninth \
            digit), or if it named the same id of them. `contacts merge` joins two of them.

            Examples:
              campaignd contacts duplicates --tenant acme
            """
    )

    @Option(help: "Tenant of the contacts.")
    var tenant: String

    @Option(help: "The most people to show.")
    var limit = 100

    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        guard (1...10_000).contains(limit) else { throw ValidationError("--limit takes a number from 1 to 10000.") }
    }

    func run() async throws {
        let people = try await database.withPool(of: [tenant]) { pool in
            try await ContactDuplicates(pool: pool).find(tenant: tenant, limit: limit)
        }
        guard output.format == .text else {
            output.write(["items": .array(people.map(Self.json(of:)))], text: "")
            return
        }
        for person in people {
            print("\(person.sharedID)")
            for contact in person.contacts { print("  " + Self.line(contact)) }
        }
        guard let first = people.first, first.contacts.count > 1 else {
            print("no person of tenant \(tenant) has several contacts")
            return
        }
        let example = "\(first.contacts[1].contactID) --into \(first.contacts[0].contactID) --tenant \(tenant)"
        let count = people.count == 1 ? "1 person" : "\(people.count.grouped) people"
        print("\(count); join two contacts with: campaignd contacts merge \(example)")
    }

    private static func json(of person: ContactDuplicates.Person) -> JSONValue {
        [
            "sharedId": .string("\(person.sharedID)"),
            "contacts": .array(
                person.contacts.map { contact in
                    .fields([
                        "contactId": .string(contact.contactID), "name": contact.name.map(JSONValue.string),
                        "messages": .integer(contact.messages), "optedIn": .bool(contact.isOptedIn),
                        "lastSeen": contact.lastSeen.map { .string($0.apiText) },
                    ])
                }
            ),
        ]
    }

    private static func line(_ contact: ContactDuplicates.Contact) -> String {
        let seen = contact.lastSeen.map { "wrote \($0.formatted(.iso8601))" } ?? "never wrote"
        return "\(contact.contactID)  \(NumberText.count(contact.messages, "message")), \(seen), "
            + (contact.isOptedIn ? "opted in" : "opted out") + (contact.name.map { "  \(Terminal.harmless($0))" } ?? "")
    }
}

struct ContactsMergeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge",
        abstract: "Join two contacts of one person.",
        discussion: """
            The kept contact gets the messages, ids and values of the other one, and is opted out if one of them is. The \
            other one stays as a deactivated row, because other systems may refer to it. Refused while a run that is not over \
            has messages to both.

            Examples:
              campaignd contacts merge 5511912345678 --into 551112345678 --tenant acme
              campaignd contacts merge 5511912345678 --into 551112345678 --tenant acme --yes --format json
            """
    )

    @Argument(help: "The contact that ends.")
    var contact: String

    @Option(help: "The contact that is kept.")
    var into: String

    @Option(help: "Tenant of the contacts.")
    var tenant: String

    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        try await confirmation.confirm("Merge \(contact) into \(into)? This cannot be undone.")
        let messages = try await database.withPool(of: [tenant]) { pool in
            try await ContactDuplicates(pool: pool).merge(contact, into: into, tenant: tenant)
        }
        output.write(
            ["contactId": .string(contact), "into": .string(into), "messages": .integer(messages)],
            text: "merged \(contact) into \(into), with \(NumberText.count(messages, "message"))"
        )
    }
}
