import API
import ArgumentParser
import CommandKit
import Foundation
import JSON
import Spec
import Spelling
import Store

/// The messages that a command is about.
enum ConsentOption: String, ExpressibleByArgument, CaseIterable {
    case all, marketing

    var level: ConsentLevel { self == .all ? .all : .marketing }
}

/// The tenant whose contacts a command is about, and the country of national numbers.
struct ContactOptions: ParsableArguments {
    @Option(help: "Tenant of the contacts.")
    var tenant: String

    @Option(help: "Country of numbers without a country code, such as KE.", completion: .list(CallingCode.countries))
    var country: String?

    func validate() throws {
        guard (1...50).contains(tenant.unicodeScalars.count) else {
            throw ValidationError("--tenant takes 1 to 50 characters.")
        }
        if let country, CallingCode.of(country: country) == nil {
            throw ValidationError("unknown country `\(country)`; --country takes a code of two letters, such as KE")
        }
    }

    /// Reads ids of contacts, so that a wrong one is refused before anything is written.
    func read(_ ids: [String]) throws -> [String] {
        let reader = PhoneNumberReader(country: country.flatMap(CallingCode.of(country:)))
        return try ids.map { id in
            do {
                return try reader.readID(id)
            } catch {
                throw ValidationError("`\(Terminal.harmless(id))` \(error)")
            }
        }
    }
}

struct ContactsSuppressCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "suppress",
        abstract: "Opt people out, also those who are no contacts.",
        discussion: """
            From then on they are in no audience and get no message, whatever a file or another system says, until they write \
            START or `campaignd contacts unsuppress` opts them in.

            Examples:
              campaignd contacts suppress +254700000017 --tenant acme --reason "a letter"
              campaignd contacts suppress 0700000017 --country KE --tenant acme --level marketing
              campaignd contacts suppress +254700000017 --tenant acme --format json
            """
    )

    @Argument(help: "Phone numbers, or other ids of contacts.")
    var ids: [String]

    @Option(help: "What they do not get: all messages, or those of campaigns whose template is marketing.")
    var level = ConsentOption.all

    @Option(help: "The reason, for the history.")
    var reason: String?

    @OptionGroup var contacts: ContactOptions
    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let ids = try contacts.read(ids)
        let statements = ids.map { id in
            ConsentStatement(
                tenantID: contacts.tenant,
                ids: [id],
                level.level,
                isOptedIn: false,
                source: .command,
                actor: .commandLine,
                reason: reason
            )
        }
        try await database.withPool(of: [contacts.tenant]) { pool in
            let consents = ConsentRepository(pool: pool)
            try await consents.record(statements)
            var results: [ConsentResult] = []
            for id in ids { results.append(try await consents.result(for: id, tenant: contacts.tenant)) }
            output.write(results.json, text: results.text)
        }
    }
}

struct ContactsUnsuppressCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unsuppress",
        abstract: "Opt people in again who have agreed.",
        discussion: """
            Undoes an opt-out, whatever its source. WhatsApp's own setting for marketing messages stays as it is.

            Examples:
              campaignd contacts unsuppress +254700000017 --tenant acme --reason "signed the form again"
              campaignd contacts unsuppress +254700000017 --tenant acme --reason "called us" --format json
            """
    )

    @Argument(help: "Phone numbers, or other ids of contacts.")
    var ids: [String]

    @Option(help: "What they agreed to: all messages, or only those whose template is marketing.")
    var level = ConsentOption.all

    @Option(help: "How they agreed, for the history.")
    var reason: String

    @OptionGroup var contacts: ContactOptions
    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let ids = try contacts.read(ids)
        try await database.withPool(of: [contacts.tenant]) { pool in
            let consents = ConsentRepository(pool: pool)
            var results: [ConsentResult] = []
            for id in ids {
                guard try await consents.hasOptedOut(id, tenant: contacts.tenant) else {
                    results.append(ConsentResult(id: id, level: nil, hasChanged: false))
                    continue
                }
                let statement = ConsentStatement(
                    tenantID: contacts.tenant,
                    ids: [id],
                    level.level,
                    isOptedIn: true,
                    source: .command,
                    actor: .commandLine,
                    reason: reason
                )
                try await consents.record([statement])
                results.append(try await consents.result(for: id, tenant: contacts.tenant))
            }
            output.write(results.json, text: results.text)
        }
    }
}

struct ContactsSuppressedCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "suppressed",
        abstract: "List the people who opted out, with time and source.",
        discussion: """
            Examples:
              campaignd contacts suppressed --tenant acme
              campaignd contacts suppressed --tenant acme --format json
            """
    )

    private static let page = 10_000

    @OptionGroup var contacts: ContactOptions
    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        try await database.withPool(of: [contacts.tenant]) { pool in
            let consents = ConsentRepository(pool: pool)
            var page = 1
            var items: [JSONValue] = []
            while true {
                let (found, total) = try await consents.list(tenant: contacts.tenant, page: page, limit: Self.page)
                items += output.format == .json ? found.map(\.json) : []
                if total == 0, output.format == .text { print("no person of tenant \(contacts.tenant) has opted out") }
                for record in found where output.format == .text {
                    let id = Terminal.harmless(record.key).padded(to: 20)
                    print(
                        "\(id)  \(record.level.rawValue.padded(to: 9))  \(record.since.formatted(.iso8601))  \(origin(record.source, record.actor, record.reason))"
                    )
                }
                guard page * Self.page < total, !found.isEmpty else { break }
                page += 1
            }
            if output.format == .json { output.write(["items": .array(items)], text: "") }
        }
    }
}

struct ContactsConsentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "consent",
        abstract: "Show what was said about the consent of a person, newest first.",
        discussion: """
            Examples:
              campaignd contacts consent +254700000017 --tenant acme
            """
    )

    @Argument(help: "Phone number, or other id of a contact.")
    var id: String

    @OptionGroup var contacts: ContactOptions
    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let id = try contacts.read([id])[0]
        try await database.withPool(of: [contacts.tenant]) { pool in
            let consents = ConsentRepository(pool: pool)
            let history = try await consents.history(of: id, tenant: contacts.tenant)
            guard output.format == .text else {
                let suppression = try await consents.find(id, tenant: contacts.tenant)
                let document = JSONValue.fields([
                    "contactId": .string(suppression?.key ?? id),
                    "level": suppression.map { .string($0.level.rawValue) },
                    "history": .array(history.changes.map(\.json)),
                ])
                output.write(document, text: "")
                return
            }
            print(try await consents.result(for: id, tenant: contacts.tenant).text)
            for contact in history.contacts {
                let name = Terminal.harmless(contact.contactID)
                if !contact.isOptedIn { print("contact \(name) is opted out in the table of contacts") }
                if !contact.isActive { print("contact \(name) is deactivated") }
            }
            if history.contacts.isEmpty { print("there is no contact with this id") }
            for change in history.changes {
                let what = "\(change.isOptedIn ? "in " : "out")  \(change.level.rawValue.padded(to: 9))"
                print(
                    "  \(change.at.formatted(.iso8601))  \(what)  \(origin(change.source, change.actor, change.reason))"
                )
            }
        }
    }
}

/// The consent of a person after a command.
private struct ConsentResult {
    let id: String
    /// The messages that the person does not get; `nil` if the person has not opted out.
    let level: ConsentLevel?
    /// False if the command had nothing to change.
    var hasChanged = true

    /// The messages that the person does not get, as a sentence.
    var text: String {
        let name = Terminal.harmless(id)
        guard hasChanged else { return "\(name) had not opted out" }
        return switch level {
        case nil: "\(name) has not opted out"
        case .all: "\(name) has opted out of all messages"
        case .marketing: "\(name) has opted out of marketing messages"
        }
    }
}

extension [ConsentResult] {
    fileprivate var text: String { map { $0.text + "\n" }.joined() }

    fileprivate var json: JSONValue {
        [
            "items": .array(
                map { result in
                    [
                        "contactId": .string(result.id), "level": result.level.map { .string($0.rawValue) } ?? .null,
                        "hasChanged": .bool(result.hasChanged),
                    ]
                }
            )
        ]
    }
}

extension ConsentRepository {
    fileprivate func result(for id: String, tenant: String) async throws -> ConsentResult {
        ConsentResult(id: id, level: try await find(id, tenant: tenant)?.level)
    }
}

/// Returns the source of a statement with the person who made it and the reason: `command by ana (command): a letter`.
private func origin(_ source: String?, _ actor: RunActor?, _ reason: String?) -> String {
    let text = (source ?? "") + (actor.map { " by \($0.words)" } ?? "") + (reason.map { ": \($0)" } ?? "")
    return Terminal.harmless(text)
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}
