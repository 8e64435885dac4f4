import ArgumentParser
import Foundation
import Reconciler
import Spec
import Store

struct PreviewCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "preview",
        abstract: "Show whom a campaign would reach now, and when it fires next."
    )

    @Argument(help: ArgumentHelp("The campaign, with its tenant.", valueName: "tenant/name"))
    var campaign: String

    @Argument(help: "The folder with one folder of specs for each tenant.", completion: .directory)
    var path = "campaigns"

    @Option(help: "How many recipients to show.")
    var samples = 5

    @Flag(help: "Show phone numbers and names in full.")
    var showContacts = false

    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        guard (0...1_000).contains(samples) else { throw ValidationError("--samples takes a number from 0 to 1000.") }
        guard campaign.split(separator: "/").count == 2 else {
            throw ValidationError("`\(campaign)` is no campaign with its tenant, such as acme/offer.")
        }
    }

    func run() async throws {
        try await Terminal.reporting {
            let catalog = await CatalogSource.load(path)
            let parts = campaign.split(separator: "/").map(String.init)
            let identity = SpecIdentity(tenant: parts[0], kind: .campaign, name: parts[1])
            guard let resolved = catalog.resolvedCampaigns.first(where: { $0.identity == identity }) else {
                Terminal.show(catalog)
                throw PreviewProblem.unknown(identity)
            }
            let now = Date()
            if let filter = resolved.audienceFilter {
                try await database.withPool { pool in
                    let audiences = AudienceRepository(pool: pool)
                    let size = try await audiences.size(tenant: identity.tenant, filter: filter, now: now)
                    Terminal.write(text(size, rate: resolved.sender.ratePerSecond))
                    let few = try await audiences.samples(
                        tenant: identity.tenant,
                        filter: filter,
                        now: now,
                        limit: samples
                    )
                    for sample in few { Terminal.write(line(sample)) }
                }
            } else {
                Terminal.write("Recipients: named by the events or modules that start it\n")
            }
            for schedule in ScheduleTimes.of(identity, in: catalog, now: now) { Terminal.write("\(schedule)\n") }
        }
    }

    private func text(_ size: AudienceSize, rate: Int) -> String {
        """
        Recipients: \(size.total)
          in window: \(size.inWindow) (free)
          outside:   \(size.outOfWindow) (each takes one of the 24 h quota)
          duration:  about \(Int((Double(size.total) / Double(rate)).rounded(.up))) s at \(rate)/s

        """
    }

    private func line(_ sample: AudienceSample) -> String {
        let phone = showContacts ? sample.contactID : Self.masked(sample.contactID)
        let name = showContacts ? sample.name ?? "" : Self.masked(sample.name ?? "")
        let window = sample.isInWindow ? "in window" : "outside"
        return "  \(Terminal.harmless(phone))  \(window)  \(Terminal.harmless(name))\n"
    }

    /// Enough to recognize, too little to misuse: output of commands ends up in logs.
    private static func masked(_ text: String) -> String {
        guard text.count > 4 else { return String(repeating: "*", count: text.count) }
        return text.prefix(2) + String(repeating: "*", count: text.count - 4) + text.suffix(2)
    }
}

private enum PreviewProblem: Error, CustomStringConvertible {
    case unknown(SpecIdentity)

    var description: String {
        switch self {
        case .unknown(let identity):
            "there is no campaign `\(identity.name)` without errors in tenant `\(identity.tenant)`"
        }
    }
}
