import ArgumentParser
import CommandKit
import Foundation
import JSON
import Spelling
import Store

struct TemplatesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "templates",
        abstract: "Show where templates stand at WhatsApp, and submit them again.",
        discussion: """
            Examples:
              campaignd templates list --tenant acme
              campaignd templates submit spring-offer --tenant acme
              campaignd templates sync --tenant acme
            """,
        subcommands: [ListTemplatesCommand.self, SubmitTemplateCommand.self, SyncTemplatesCommand.self]
    )
}

/// The tenant whose templates a command is about.
struct TemplateTenant: ParsableArguments {
    @Option(help: "Tenant of the templates.")
    var tenant: String

    func validate() throws {
        guard (1...50).contains(tenant.unicodeScalars.count) else {
            throw ValidationError("--tenant takes 1 to 50 characters.")
        }
    }
}

struct ListTemplatesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List templates with their status at WhatsApp and their last submission.",
        discussion: """
            The status is WhatsApp's, as daemons read it last; `not read` if the account was never read, `absent` if \
            WhatsApp has no such template, `unmanaged` if the template belongs to no account.

            Examples:
              campaignd templates list --tenant acme
              campaignd templates list --tenant acme --format json
            """
    )

    @OptionGroup var owner: TemplateTenant
    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        try await database.withPool(of: [owner.tenant]) { pool in
            let standings = try await TemplateRepository(pool: pool).standings(tenant: owner.tenant)
            output.write(["items": .array(standings.map(\.json))], text: Self.text(standings, tenant: owner.tenant))
        }
    }

    private static func text(_ standings: [TemplateStanding], tenant: String) -> String {
        guard !standings.isEmpty else { return "tenant \(Terminal.harmless(tenant)) has no templates" }
        var table = TextTable("template", "at WhatsApp", "language", "status", "quality", "category", "submission")
        for standing in standings {
            let category = standing.seen?.category
            let isSame = category == nil || category == standing.category
            table.add(
                standing.template,
                standing.name,
                standing.language,
                standing.status,
                standing.seen?.quality,
                isSame ? standing.category : "\(category ?? ""), not \(standing.category)",
                standing.wish.map { "\($0.wish.action.rawValue) \($0.status.rawValue)" }
            )
            if let reason = standing.seen?.reason, reason != "NONE" { table.note("WhatsApp says: \(reason)") }
            if let advice = standing.seen?.advice { table.note(advice) }
            if let error = standing.wish?.error { table.note(error) }
        }
        return table.text
    }
}

struct SubmitTemplateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "submit",
        abstract: "Try a submission again that failed.",
        discussion: """
            What a plan wished and WhatsApp did not take is sent once more, unchanged. A changed template needs a new plan: \
            `reconcile`. A text that was refused and that the specs no longer have is not sent.

            Examples:
              campaignd templates submit spring-offer --tenant acme
              campaignd templates submit spring_offer --tenant acme --format json
            """
    )

    @Argument(help: "The template, by its name here or at WhatsApp.")
    var name: String

    @OptionGroup var owner: TemplateTenant
    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        try await database.withPool(of: [owner.tenant]) { pool in
            let records = try await SubmissionRepository(pool: pool).submitAgain(name, tenant: owner.tenant)
            guard !records.isEmpty else { throw NothingToSubmit(name: name, tenant: owner.tenant) }
            let lines = records.map { record in
                let language = record.wish.language.map { " (\($0))" } ?? ""
                return "\(Terminal.harmless(record.wish.name))\(language) is sent again by a daemon\n"
            }
            output.write(["items": .array(records.map(\.json))], text: lines.joined())
        }
    }
}

struct SyncTemplatesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sync",
        abstract: "Have the accounts read at WhatsApp now, and wait for it.",
        discussion: """
            A running daemon reads them. Exits with 1 as soon as a reading has failed and no other is under way, with the \
            reason, or if none has read them within the time.

            Examples:
              campaignd templates sync --tenant acme
              campaignd templates sync --tenant acme --account main --timeout 300
            """
    )

    @OptionGroup var owner: TemplateTenant

    @Option(help: "Only this account, by its name.")
    var account: String?

    @Option(help: ArgumentHelp("The longest wait, in seconds.", valueName: "seconds"))
    var timeout = 120

    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        guard (1...3_600).contains(timeout) else { throw ValidationError("--timeout takes 1 to 3600 seconds.") }
    }

    func run() async throws {
        try await database.withPool(of: [owner.tenant]) { pool in
            let asked = try await AccountSweepRepository(pool: pool).request(tenant: owner.tenant, account: account)
            guard let asked else { throw SyncError.noAccount(tenant: owner.tenant, account: account) }
            let end = ContinuousClock.now + .seconds(timeout)
            while true {
                let views = try await AccountViewRepository(pool: pool).views(tenant: owner.tenant)
                    .filter { account == nil || $0.name == account }
                let readings = views.map { $0.reading(since: asked, until: asked + Double(timeout)) }
                if readings.allSatisfy({ $0 == .done }) {
                    let text = views.map {
                        "\(Terminal.harmless($0.name)): \(NumberText.count($0.templates.count { $0.goneAt == nil }, "template"))\n"
                    }
                    output.write(
                        [
                            "items": .array(
                                views.map {
                                    [
                                        "account": .string($0.name),
                                        "templates": .integer($0.templates.count { $0.goneAt == nil }),
                                    ]
                                }
                            )
                        ],
                        text: text.joined()
                    )
                    return
                }
                if ContinuousClock.now >= end || !readings.contains(.open) {
                    let reasons = zip(views, readings).compactMap { view, reading -> String? in
                        switch reading {
                        case .done: nil
                        case .open: "\(view.name): not within \(timeout) s; check that a daemon runs, and its log"
                        case .failed(let reason): "\(view.name): \(reason)"
                        }
                    }
                    throw SyncError.notRead(reasons)
                }
                // A daemon reads the accounts, and sends no notification when the reading ends.
                try await Task.sleep(for: .milliseconds(500))
            }
        }
    }
}

private struct NothingToSubmit: Error, CustomStringConvertible {
    let name: String
    let tenant: String

    var description: String {
        "no submission of template `\(Terminal.harmless(name))` of tenant `\(Terminal.harmless(tenant))` has failed "
            + "with the text that its spec has now; see `campaignd templates list --tenant \(Terminal.harmless(tenant))`"
    }
}

private enum SyncError: Error, CustomStringConvertible {
    case noAccount(tenant: String, account: String?)
    case notRead([String])

    var description: String {
        switch self {
        case .noAccount(let tenant, let account):
            "tenant `\(Terminal.harmless(tenant))` has no account\(account.map { " `\(Terminal.harmless($0))`" } ?? "s"); "
                + "add `kind: Account` to its specs and run `reconcile`"
        case .notRead(let accounts):
            "not read: \(accounts.map { Terminal.harmless($0) }.joined(separator: "; "))"
        }
    }
}
