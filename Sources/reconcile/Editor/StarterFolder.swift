import Foundation
import Spec

/// The first specs of a tenant: small, commented, and without anything that `validate` would find.
struct StarterFolder {
    /// Why nothing was written.
    enum Problem: Error, CustomStringConvertible {
        case exists(String)

        var description: String {
            switch self {
            case .exists(let path): "\(path) exists already; nothing was written (choose another name, or edit it)"
            }
        }
    }

    let tenant: String

    /// Writes the folder, and the schema if there is none; the folder appears whole or not at all.
    ///
    /// - Returns: The paths of the files.
    /// - Throws: ``Problem`` if the tenant has a folder already, and errors of the file system.
    func write(below root: URL) throws -> [String] {
        let manager = FileManager.default
        let folder = root.appending(path: tenant, directoryHint: .isDirectory)
        guard !manager.fileExists(atPath: folder.path) else { throw Problem.exists(folder.relativePath) }
        try manager.createDirectory(at: root, withIntermediateDirectories: true)
        var written: [String] = []
        let schemas = root.appending(path: SpecSchema.folder, directoryHint: .isDirectory)
        if !manager.fileExists(atPath: schemas.appending(path: SpecSchema.fileName(of: nil)).path) {
            written.append(try Self.writeSchema(of: nil, into: schemas))
        }
        // Hidden folders are no tenants: a reconcile that runs meanwhile sees no half of this one.
        let draft = root.appending(path: ".\(tenant)-\(UUID().uuidString)", directoryHint: .isDirectory)
        do {
            try manager.createDirectory(at: draft, withIntermediateDirectories: false)
            for file in files { try Terminal.write(file.text, to: draft.appending(path: file.name).path) }
            try manager.moveItem(at: draft, to: folder)
        } catch {
            // What cannot be removed is hidden and harms nobody; the first error says what is wrong.
            try? manager.removeItem(at: draft)
            throw error
        }
        return written + files.map { folder.appending(path: $0.name).relativePath }
    }

    /// Writes the schema into a folder of its own.
    static func writeSchema(of kind: SpecKind?, into folder: URL) throws -> String {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let file = folder.appending(path: SpecSchema.fileName(of: kind))
        try Terminal.write(SpecSchema.text(of: kind), to: file.path)
        return file.relativePath
    }

    private var files: [(name: String, text: String)] {
        [
            ("tenant.yaml", tenantText), ("sender.yaml", senderText), ("templates.yaml", Self.templateText),
            ("audiences.yaml", Self.audienceText), ("welcome.yaml", Self.campaignText),
        ].map { ($0.0, "\(SpecSchema.modeline)\n\n\($0.1)\n") }
    }

    private var tenantText: String {
        """
        # Defaults and guard rails of this tenant; the name is that of the folder.
        kind: Tenant
        name: \(tenant)
        timeZone: Etc/UTC             # your own, such as Africa/Nairobi: quiet hours are on its clocks
        quietHours: { from: "21:00", to: "08:00", action: wait }
        defaults: { sender: main, language: en }
        policy:
          maxRecipients: 10000        # no campaign reaches more people unless you say so
        """
    }

    private var senderText: String {
        let variable = "WHATSAPP_TOKEN_" + tenant.uppercased().replacing("-", with: "_")
        return """
            # The number that messages are sent from.
            kind: Sender
            name: main
            phoneNumberId: "100000000000000"  # the id of the number in WhatsApp Manager, in quotes
            accessToken: env:\(variable)  # where the daemon finds the token; never the token itself
            tier: 2                           # 10,000 business-initiated messages in 24 hours
            ratePerSecond: 80
            """
    }

    private static let templateText = """
        # Templates as WhatsApp approved them.
        kind: Template
        name: welcome
        whatsappName: welcome
        category: marketing
        body: "Hi {{1}}, good to have you with us!"
        footer: Reply STOP to unsubscribe
        """

    private static let audienceText = """
        # Who can be written to; contacts that opted out are never part of it.
        kind: Audience
        name: newcomers
        conditions:
          - { field: tags, operator: contains, value: newcomer }
          - { field: firstSeen, operator: gte, value: "-30d" }
        """

    private static let campaignText = """
        # Somebody launches it: campaignd send welcome --tenant …
        kind: Campaign
        name: welcome
        title: Welcome
        type: manual
        template: welcome
        params: { "1": "{{name|there}}" }   # what stands after the bar is for contacts without a name
        audience: newcomers
        """
}
