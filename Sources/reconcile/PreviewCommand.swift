import ArgumentParser
import CommandKit
import Foundation
import Reconciler
import Spec
import Spelling
import Store

struct PreviewCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "preview",
        abstract: "Show the recipients that a campaign has now, and when it fires next."
    )

    @OptionGroup var campaign: CampaignOptions

    @Argument(help: "The folder with one folder of specs for each tenant.", completion: .directory)
    var path = "campaigns"

    @Option(help: "Number of recipients to show.")
    var samples = 5

    @Flag(help: "Show phone numbers and names in full.")
    var showContacts = false

    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        guard (0...1_000).contains(samples) else { throw ValidationError("--samples takes a number from 0 to 1000.") }
    }

    func run() async throws {
        let catalog = await BlockingWork.run { [path] in SpecCatalog.load(directory: path) }
        let identity = SpecIdentity(tenant: campaign.tenant, kind: .campaign, name: campaign.name)
        guard let resolved = catalog.resolvedCampaigns.first(where: { $0.identity == identity }) else {
            let renderer = DiagnosticRenderer(sources: catalog.sources, usesColour: Terminal.errorsHaveColour)
            if !catalog.diagnostics.isEmpty { Terminal.complain(renderer.text(catalog.diagnostics) + "\n") }
            let known = catalog.resolvedCampaigns.map(\.identity).filter { $0.tenant == identity.tenant }.map(\.name)
            throw CampaignLookupError.notAmongSpecs(identity.name, tenant: identity.tenant, known: known)
        }
        let now = Date()
        let number = WindowNumbers(catalog.specs).number(of: resolved.sender, tenant: identity.tenant)
        if let filter = resolved.audienceFilter {
            try await database.withPool { pool in
                let audiences = AudienceRepository(pool: pool)
                let size = try await audiences.size(
                    tenant: identity.tenant,
                    filter: filter,
                    isMarketing: resolved.isMarketing,
                    number: number,
                    now: now
                ).reached(byFreeText: resolved.isFreeText)
                let seconds = try await LaunchDuration.seconds(
                    of: resolved,
                    reaching: size,
                    in: catalog,
                    now: now,
                    pool: pool
                )
                Terminal.write(text(size, seconds, rate: resolved.sender.ratePerSecond))
                let few = try await audiences.samples(
                    tenant: identity.tenant,
                    filter: filter,
                    isMarketing: resolved.isMarketing,
                    isFreeText: resolved.isFreeText,
                    number: number,
                    now: now,
                    limit: samples
                )
                for sample in few { Terminal.write(line(sample)) }
            }
        } else {
            Terminal.write("Recipients: given by the events or modules that start the campaign\n")
        }
        for line in FireTimes.lines(of: identity, in: catalog, now: now) { Terminal.write("\(line)\n") }
    }

    private func text(_ size: AudienceSize, _ seconds: Double, rate: Int) -> String {
        let missed =
            size.unreachable > 0
            ? "  unreachable: \(size.unreachable.grouped) (free text reaches only contacts who wrote within 24 h)\n"
            : ""
        let duration = LaunchDuration.words(seconds, recipients: size.total, ratePerSecond: rate)
        return """
            Recipients: \(size.total.grouped)
              in window: \(size.inWindow.grouped) (free)
              outside:   \(size.outOfWindow.grouped) (each takes one message of the 24 h quota)
              duration:  about \(duration)

            """ + missed
    }

    private func line(_ sample: AudienceSample) -> String {
        let phone = showContacts ? sample.contactID : Self.masked(sample.contactID)
        let name = showContacts ? sample.name ?? "" : Self.masked(sample.name ?? "")
        let window = sample.isInWindow ? "in window" : "outside"
        return "  \(Terminal.harmless(phone))  \(window)  \(Terminal.harmless(name))\n"
    }

    /// Hides all but the ends of a text, because the output of commands ends up in logs.
    private static func masked(_ text: String) -> String {
        guard text.count > 4 else { return String(repeating: "*", count: text.count) }
        return text.prefix(2) + String(repeating: "*", count: text.count - 4) + text.suffix(2)
    }
}
