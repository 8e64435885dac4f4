import ArgumentParser
import CommandKit
import Foundation
import Spec

struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Write the first specs of a tenant.",
        discussion: """
            Examples:
              reconcile init acme
            """
    )

    @Argument(help: "Name of the tenant: lower-case letters, digits and hyphens.")
    var tenant: String

    @Argument(help: "The folder with one folder of specs for each tenant.", completion: .directory)
    var path = "campaigns"

    func validate() throws {
        guard SpecIdentity.isSlug(tenant) else {
            throw ValidationError(
                "`\(tenant)` is not a name: use 1 to 63 lower-case letters, digits and hyphens, and no hyphen first."
            )
        }
    }

    func run() async throws {
        let root = URL(filePath: path, directoryHint: .isDirectory)
        for path in try StarterFolder(tenant: tenant).write(below: root) { Terminal.complain("wrote \(path)\n") }
        Terminal.write(
            "Next: fill in sender.yaml and the values of both environments, and run `reconcile validate\(argument)`.\n"
        )
    }

    private var argument: String { path == "campaigns" ? "" : " \(path)" }
}

/// The first specs of a tenant: small, commented, and valid.
struct StarterFolder {
    /// The reason why nothing was written.
    enum Problem: Error, CustomStringConvertible {
        case exists(String)

        var description: String {
            switch self {
            case .exists(let path):
                "\(path) already exists; nothing was written (choose another name, or edit the folder)"
            }
        }
    }

    let tenant: String

    /// Writes the folder, which appears whole or not at all, and the schema if it does not exist yet.
    ///
    /// - Returns: The paths of the files.
    /// - Throws: ``Problem`` if the tenant already has a folder, and errors of the file system.
    func write(below root: URL) throws -> [String] {
        let manager = FileManager.default
        let folder = root.appending(path: tenant, directoryHint: .isDirectory)
        guard !manager.fileExists(atPath: folder.path) else { throw Problem.exists(folder.relativePath) }
        try manager.createDirectory(at: root, withIntermediateDirectories: true)
        var written: [String] = []
        let schemas = root.appending(path: SpecSchema.folder, directoryHint: .isDirectory)
        if !manager.fileExists(atPath: schemas.appending(path: SpecSchema.fileName(of: nil)).path) {
            written.append(try SpecSchema.write(nil, into: schemas))
        }
        // Hidden folders are not tenants, so that a reconcile at the same time never reads half of this one.
        let draft = root.appending(path: ".\(tenant)-\(UUID().uuidString)", directoryHint: .isDirectory)
        do {
            try manager.createDirectory(at: draft, withIntermediateDirectories: false)
            for file in files { try Terminal.write(file.text, to: draft.appending(path: file.name).path) }
            try manager.moveItem(at: draft, to: folder)
        } catch {
            // A hidden folder that cannot be removed does no harm, and the first error is the one to report.
            try? manager.removeItem(at: draft)
            throw error
        }
        return written + files.map { folder.appending(path: $0.name).relativePath } + (try writeEnvironments(root))
            + (try writeRates(root))
    }

    /// Describes the format of prices, unless there is a folder for them already; the prices are WhatsApp's.
    private func writeRates(_ root: URL) throws -> [String] {
        let folder = URL(filePath: RateFiles(beside: root.relativePath).folder, directoryHint: .isDirectory)
        guard !FileManager.default.fileExists(atPath: folder.path) else { return [] }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let file = folder.appending(path: "README.md")
        try Terminal.write(Self.ratesText, to: file.path)
        return [file.relativePath]
    }

    /// Adds the values of the tenant to each environment; without environments, makes two.
    private func writeEnvironments(_ root: URL) throws -> [String] {
        let environments = SpecEnvironments(beside: root.relativePath)
        let folder = URL(filePath: environments.folder, directoryHint: .isDirectory)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let names = environments.names.isEmpty ? ["production", "staging"] : environments.names
        return try names.map { name in
            let file = folder.appending(path: "\(name).yaml")
            let old = FileManager.default.contents(atPath: file.path).map { String(decoding: $0, as: UTF8.self) }
            let heading = "# The values that specs take with `${…}` in this environment.\n"
            var text = old ?? heading
            if !text.isEmpty, !text.hasSuffix("\n") { text += "\n" }
            text += """

                \(tenant)-phone-number-id: "100000000000000"  # ID of the number in WhatsApp Manager, in quotes
                \(tenant)-rate: \(name == "production" ? 80 : 5)

                """
            try Terminal.write(text, to: file.path)
            return file.relativePath
        }
    }

    private var files: [(name: String, text: String)] {
        [
            ("tenant.yaml", tenantText), ("sender.yaml", senderText), ("templates.yaml", Self.templateText),
            ("audiences.yaml", Self.audienceText), ("welcome.yaml", Self.campaignText),
        ].map { ($0.0, "\(SpecSchema.modeline)\n\n\($0.1)\n") }
    }

    private var tenantText: String {
        """
        # Defaults and limits of this tenant. Its name is that of the folder.
        kind: Tenant
        name: \(tenant)
        timeZone: Etc/UTC             # set your own, such as Africa/Nairobi; quiet hours use it
        quietHours: { from: "21:00", to: "08:00", action: wait }
        defaults: { sender: main, language: en }
        policy:
          maxRecipients: 10000        # larger audiences are refused
        """
    }

    private var senderText: String {
        let variable = "WHATSAPP_TOKEN_" + tenant.uppercased().replacing("-", with: "_")
        return """
            # The phone number that sends the messages.
            kind: Sender
            name: main
            phoneNumberId: ${\(tenant)-phone-number-id}  # from environments/
            accessToken: env:\(variable)  # where the daemon finds the token, never the token itself
            tier: 2                   # 10,000 business-initiated messages in 24 hours
            ratePerSecond: ${\(tenant)-rate}  # messages per second

            # The WhatsApp Business Account of the number. With it, templates are checked as WhatsApp reviews them.
            # ---
            # kind: Account
            # name: main
            # wabaId: "100000000000000"   # ID of the account in WhatsApp Manager, in quotes
            # accessToken: env:\(variable)
            """
    }

    private static let ratesText = """
        # Prices

        With WhatsApp's prices here, plans and launches tell what they cost. Download the list of rates of your currency from
        WhatsApp's page on pricing, and run `campaignd rates convert FILE --from 2026-10`, or write `2026-10.csv` yourself:

        ```csv
        # The prices from October 2026 on. n/a is not to be had; the last two columns may be missing.
        Market,Currency,Marketing,Utility,Authentication,Authentication-International,Service
        ```

        `markets-2026-10.csv`, with the columns `Code,Market`, changes the market of calling codes; see `campaignd rates convert
        --markets`.

        """

    private static let templateText = """
        # A template as WhatsApp approved it.
        kind: Template
        name: welcome
        whatsappName: welcome
        category: marketing
        body: "Hi {{1}}, good to have you with us!"
        footer: Reply STOP to unsubscribe
        """

    private static let audienceText = """
        # The contacts to write to. Contacts that opted out are always excluded.
        kind: Audience
        name: newcomers
        conditions:
          - { field: tags, operator: contains, value: newcomer }
          - { field: firstSeen, operator: gte, value: "-30d" }
        """

    private static let campaignText = """
        # Launch it with: campaignd send welcome --tenant …
        kind: Campaign
        name: welcome
        title: Welcome
        type: manual
        template: welcome
        params: { "1": "{{name|there}}" }   # the part after the bar is for contacts without a name
        audience: newcomers
        """
}
