import ArgumentParser
import CommandKit
import Foundation
import JSON
import Reconciler
import Spec
import Spelling
import Store

struct PreviewCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "preview",
        abstract: "Show the recipients that a campaign has now, its messages to some of them, and when it fires next.",
        discussion: """
            Examples:
              reconcile preview acme/offer
              reconcile preview offer campaigns --tenant acme --samples 20
              reconcile preview acme/offer --render 5
              reconcile preview acme/offer --render 5 --format json
            """
    )

    @OptionGroup var campaign: CampaignOptions

    @Argument(help: "The folder with one folder of specs for each tenant.", completion: .directory)
    var path = "campaigns"

    @OptionGroup var environment: EnvironmentOptions

    @Option(help: "Number of recipients to show.")
    var samples = 5

    @Option(
        help: ArgumentHelp(
            "Number of recipients whose messages to show, rendered with the code that daemons send with.",
            discussion: "Also counts the recipients of the whole audience without a value for a placeholder."
        )
    )
    var render = 0

    @Flag(help: "Show phone numbers and names in full.")
    var showContacts = false

    @Option(help: "Name of the sender whose 24 hour window and rate count; by default that of the campaign.")
    var sender: String?

    @Option(help: "Format of the output: text, markdown or json.")
    var format = Format.text

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text, markdown, json
    }

    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        guard (0...1_000).contains(samples) else { throw ValidationError("--samples takes a number from 0 to 1000.") }
        guard (0...100).contains(render) else { throw ValidationError("--render takes a number from 0 to 100.") }
    }

    func run() async throws {
        let catalog = await BlockingWork.run { [path, name = environment.selected] in
            SpecCatalog.load(directory: path, environment: name)
        }
        let identity = SpecIdentity(tenant: campaign.tenant, kind: .campaign, name: campaign.name)
        guard let resolved = catalog.resolvedCampaigns.first(where: { $0.identity == identity }) else {
            let renderer = DiagnosticRenderer(sources: catalog.sources, usesColour: Terminal.errorsHaveColour)
            if !catalog.diagnostics.isEmpty { Terminal.complain(renderer.text(catalog.diagnostics) + "\n") }
            let known = catalog.resolvedCampaigns.map(\.identity).filter { $0.tenant == identity.tenant }.map(\.name)
            throw CampaignLookupError.notAmongSpecs(identity.name, tenant: identity.tenant, known: known)
        }
        let now = Date()
        let sender = try sender(of: resolved, in: catalog)
        let fires = FireTimes.lines(of: identity, in: catalog, now: now)
        let number = WindowNumbers(catalog.specs).number(of: sender, tenant: identity.tenant)
        guard let filter = resolved.audienceFilter else {
            let cost = try await eventCost(of: resolved, from: number, in: catalog, now: now)
            return Terminal.write(AudiencePreview.withoutAudience(cost: cost, fires: fires, as: format))
        }
        try await database.withPool(of: [campaign.tenant]) { pool in
            let campaign = try await TemplateRepository(pool: pool).resolved(resolved)
            let audiences = AudienceRepository(pool: pool)
            let size = try await audiences.size(
                tenant: identity.tenant,
                filter: filter,
                category: campaign.category,
                number: number,
                now: now,
                countingNumbers: catalog.rates != nil
            ).reached(byFreeText: campaign.isFreeText)
            let samples = try await audiences.samples(
                tenant: identity.tenant,
                filter: filter,
                category: campaign.category,
                isFreeText: campaign.isFreeText,
                number: number,
                now: now,
                limit: samples
            )
            let quiet = try await quietZones(of: campaign, to: filter, in: catalog, now: now, among: audiences)
            let request = request(of: campaign, to: filter, from: number, in: catalog)
            let rendered = render > 0 ? try await audiences.render(request, count: render, now: now) : nil
            let preview = AudiencePreview(
                campaign: identity,
                sender: sender,
                size: size,
                cost: LaunchCost.estimate(of: campaign, reaching: size, in: catalog, now: now),
                eventCost: LaunchCost.ofEvents(of: campaign, naming: size, in: catalog, now: now),
                languages: try await audiences.languages(of: request, now: now),
                funnel: AudienceFunnel(
                    try await audiences.contacts(of: identity.tenant),
                    size,
                    campaign.category
                ),
                seconds: try await LaunchDuration.seconds(
                    of: campaign,
                    reaching: size,
                    zones: quiet,
                    in: catalog,
                    now: now,
                    pool: pool
                ),
                samples: samples,
                showsContacts: showContacts,
                fires: fires
                    + (try await zones(of: campaign, to: filter, in: catalog, now: now, among: audiences))
                    + (quiet.map { ["Quiet hours by the clock of each contact, in \($0.words)"] } ?? []),
                rendered: rendered.map {
                    RenderedPreview(
                        rendered: $0,
                        template: campaign.template,
                        shown: AudiencePreview.shown(showContacts)
                    )
                }
            )
            Terminal.write(preview.written(as: format))
        }
    }

    /// Estimates what an event costs that names the recipient of a campaign; `nil` without prices.
    private func eventCost(
        of resolved: ResolvedCampaign,
        from number: String?,
        in catalog: SpecCatalog,
        now: Date
    ) async throws -> EventCost? {
        guard catalog.rates != nil else { return nil }
        let everybody = try AudienceFilter(stored: ["logic": "AND", "conditions": []])
        return try await database.withPool(of: [campaign.tenant]) { pool in
            let campaign = try await TemplateRepository(pool: pool).resolved(resolved)
            let size = try await AudienceRepository(pool: pool).size(
                tenant: campaign.identity.tenant,
                filter: everybody,
                category: campaign.category,
                number: number,
                now: now,
                countingNumbers: true
            )
            return LaunchCost.ofEvents(of: campaign, naming: size, in: catalog, now: now)
        }
    }

    /// Returns a line with the zones of the audience for each schedule that sends by the clock of each contact.
    private func zones(
        of campaign: ResolvedCampaign,
        to filter: AudienceFilter,
        in catalog: SpecCatalog,
        now: Date,
        among audiences: AudienceRepository
    ) async throws -> [String] {
        var lines: [String] = []
        for schedule in FireTimes.localSchedules(of: campaign.identity, in: catalog) {
            let zones = try await audiences.zones(
                tenant: campaign.identity.tenant,
                filter: filter,
                category: campaign.category,
                else: schedule.zone,
                now: now
            )
            lines.append("Schedule \(schedule.name) sends in \(zones.words)")
        }
        return lines
    }

    /// Counts the audience by zone; `nil` unless messages wait for the end of quiet hours on the clocks of contacts.
    private func quietZones(
        of campaign: ResolvedCampaign,
        to filter: AudienceFilter,
        in catalog: SpecCatalog,
        now: Date,
        among audiences: AudienceRepository
    ) async throws -> AudienceZones? {
        let tenant = catalog.tenant(campaign.identity.tenant)?.value
        guard let tenant, let zone = tenant.zone, tenant.quietHours?.waitsForContact == true else { return nil }
        return try await audiences.zones(
            tenant: campaign.identity.tenant,
            filter: filter,
            category: campaign.category,
            else: zone,
            now: now
        )
    }

    /// Returns the message and the audience as a launch would take them.
    private func request(
        of campaign: ResolvedCampaign,
        to filter: AudienceFilter,
        from number: String?,
        in catalog: SpecCatalog
    ) -> RenderRequest {
        let tenant = catalog.specs.lazy.filter { $0.identity.tenant == campaign.identity.tenant }
            .compactMap { $0.value as? TenantSpec }.first
        return RenderRequest(
            message: campaign.messagePayload,
            templateText: campaign.spec.templateText ?? tenant?.templateText ?? .mend,
            tenant: campaign.identity.tenant,
            filter: filter,
            category: campaign.category,
            isFreeText: campaign.isFreeText,
            number: number
        )
    }

    /// Returns the sender whose window counts.
    private func sender(of campaign: ResolvedCampaign, in catalog: SpecCatalog) throws -> SenderSpec {
        guard let sender else { return campaign.sender }
        let all = catalog.specs.filter { $0.identity.tenant == campaign.identity.tenant }
            .compactMap { $0.value as? SenderSpec }
        guard let found = all.first(where: { $0.header.name == sender }) else {
            let help = SpellingSuggestion.help(for: sender, among: all.map(\.header.name), what: "its senders are")
            throw ValidationError(
                "--sender: tenant `\(campaign.identity.tenant)` has no sender `\(sender)`"
                    + (help.map { "; \($0)" } ?? "")
            )
        }
        return found
    }
}

/// The recipients that a campaign has now, and the contacts that are left out, for output.
private struct AudiencePreview {
    let campaign: SpecIdentity
    let sender: SenderSpec
    let size: AudienceSize
    /// The costs; `nil` without prices.
    let cost: CostEstimate?
    /// The costs of events; `nil` without prices, or if no event starts it.
    let eventCost: EventCost?
    /// The recipients by language; `nil` if all get the same.
    let languages: LanguageCounts?
    let funnel: AudienceFunnel
    /// The time that a launch takes, in seconds.
    let seconds: Double
    let samples: [AudienceSample]
    let showsContacts: Bool
    /// The next fire times, as lines.
    let fires: [String]
    /// The messages to some recipients; `nil` if none are wanted.
    let rendered: RenderedPreview?

    /// Writes a preview of a campaign whose recipients are named by events or modules.
    static func withoutAudience(cost: EventCost?, fires: [String], as format: PreviewCommand.Format) -> String {
        let text = "Recipients: given by the events or modules that start the campaign"
        switch format {
        case .text, .markdown:
            return ([text] + (cost.map { ["Cost: \($0.words)"] } ?? []) + fires).map { "\($0)\n" }.joined()
        case .json:
            var fields: [String: JSONValue] = ["fireTimes": .array(fires.map(JSONValue.string))]
            fields["eventCost"] = cost?.json
            return JSONValue.object(fields).indentedText + "\n"
        }
    }

    func written(as format: PreviewCommand.Format) -> String {
        switch format {
        case .text: text
        case .markdown: markdown
        case .json: json.indentedText + "\n"
        }
    }

    private var warning: String? { size.total == 0 ? "the campaign reaches nobody" : nil }

    private var duration: String {
        LaunchDuration.words(seconds, recipients: size.total, ratePerSecond: sender.ratePerSecond)
    }

    private var leftOut: [String] {
        LeftOut.Reason.allCases.filter { size.leftOut[$0] > 0 }.map { "\(size.leftOut[$0].grouped) \($0.words)" }
    }

    private var text: String {
        var lines = [
            "Recipients: \(size.total.grouped)", "  in window: \(size.inWindow.grouped) (no quota)",
            "  outside:   \(size.outOfWindow.grouped) (each takes one message of the 24 h quota)",
            "  duration:  about \(duration)",
        ]
        if let words = cost?.words ?? eventCost?.words { lines.append("  cost:      \(words)") }
        if let languages { lines.append("  languages: \(languages.words)") }
        if !leftOut.isEmpty {
            lines.append("Left out of \((size.total + size.leftOut.total).grouped) contacts within the filter:")
            lines += leftOut.map { "  \($0)" }
        }
        lines.append("All contacts of \(campaign.tenant):")
        let width = funnel.steps.map(\.count.grouped.count).max() ?? 0
        lines += funnel.steps.map { "  \($0.count.grouped.leftPadded(to: width)) \($0.name)" }
        if let warning { lines.append("warning: \(warning)") }
        lines += samples.map(line) + (rendered?.lines ?? []) + fires
        return lines.map { "\($0)\n" }.joined()
    }

    private var markdown: String {
        var lines = [
            "### Preview of `\(campaign.name)`", "", "| recipients | in window | outside | duration |",
            "|---|---|---|---|",
            "| \(size.total.grouped) | \(size.inWindow.grouped) | \(size.outOfWindow.grouped) | about \(duration) |",
            "",
            "| " + funnel.steps.map(\.name).joined(separator: " | ") + " |",
            "|" + String(repeating: "---|", count: funnel.steps.count),
            "| " + funnel.steps.map(\.count.grouped).joined(separator: " | ") + " |",
        ]
        if let words = cost?.words ?? eventCost?.words { lines += ["", "Cost: \(words)."] }
        if let languages { lines += ["", "Languages: \(languages.words)."] }
        if !leftOut.isEmpty { lines += ["", "Left out: \(leftOut.joined(separator: ", "))."] }
        if let warning { lines += ["", "**Warning: \(warning).**"] }
        lines += rendered?.markdown ?? []
        if !fires.isEmpty { lines += [""] + fires.map { "- \($0)" } }
        return lines.map { "\($0)\n" }.joined()
    }

    private var json: JSONValue {
        var fields: [String: JSONValue] = [
            "campaign": .string("\(campaign)"), "sender": .string(sender.header.name),
            "recipients": .integer(size.total), "inWindow": .integer(size.inWindow),
            "outOfWindow": .integer(size.outOfWindow), "estimatedSeconds": .integer(Int(seconds.rounded(.up))),
            "leftOut": size.leftOut.json, "funnel": funnel.json,
            "samples": .array(
                samples.map { sample in
                    [
                        "contactId": .string(shown(sample.contactID)), "name": .string(shown(sample.name ?? "")),
                        "isInWindow": .bool(sample.isInWindow),
                    ]
                }
            ),
            "fireTimes": .array(fires.map(JSONValue.string)),
        ]
        fields["cost"] = cost?.json
        fields["eventCost"] = eventCost?.json
        fields["languages"] = languages?.json
        fields["warning"] = warning.map(JSONValue.string)
        fields.merge(rendered?.json ?? [:]) { _, new in new }
        return .object(fields)
    }

    private func line(_ sample: AudienceSample) -> String {
        let window = sample.isInWindow ? "in window" : "outside"
        return
            "  \(Terminal.harmless(shown(sample.contactID)))  \(window)  \(Terminal.harmless(shown(sample.name ?? "")))"
    }

    private func shown(_ text: String) -> String { Self.shown(showsContacts)(text) }

    /// Returns the form in which numbers and names are shown.
    static func shown(_ showsContacts: Bool) -> (String) -> String {
        { showsContacts ? $0 : masked($0) }
    }

    /// Hides all but the ends of a text, because the output of commands ends up in logs.
    private static func masked(_ text: String) -> String {
        guard text.count > 4 else { return String(repeating: "*", count: text.count) }
        return text.prefix(2) + String(repeating: "*", count: text.count - 4) + text.suffix(2)
    }
}
