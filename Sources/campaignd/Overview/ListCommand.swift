import API
public import ArgumentParser
import CommandKit
import Foundation
import JSON
import Postgres
import Spelling
public import Store

extension CampaignStatus: ExpressibleByArgument {}

struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List campaigns: state, latest run, progress, next start, and why they wait.",
        discussion: """
            Examples:
              campaignd list
              campaignd list --tenant acme --state running
              campaignd list --format json | jq '.items[] | select(.waiting.reason == "quota") | .name'
            """
    )

    @OptionGroup var filter: TenantFilter

    @Option(help: "Only campaigns in this state.")
    var state: CampaignStatus?

    @Option(help: "The most campaigns to show.")
    var limit = 500

    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        guard (1...10_000).contains(limit) else { throw ValidationError("--limit takes a number from 1 to 10000.") }
    }

    func run() async throws {
        let (found, outlooks) = try await database.withPool(of: [filter.tenant]) { pool in
            try await filter.check(pool)
            let found = try await CampaignRepository(pool: pool)
                .overview(tenant: filter.tenant, status: state, limit: limit + 1)
            return (found, try await OutlookRepository(pool: pool).outlooks(of: found.compactMap(\.run?.run)))
        }
        let campaigns = found.prefix(limit).map { CampaignLine($0, outlooks) }
        output.write(["items": .array(campaigns.map(\.json))], text: Self.text(of: campaigns))
        if found.count > limit { Terminal.complain("note: there are more campaigns; show them with --limit\n") }
    }

    private static func text(of campaigns: [CampaignLine]) -> String {
        guard !campaigns.isEmpty else { return "no campaigns" }
        var table = TextTable("campaign", "state", "run", "progress", "next start", "waits")
        for campaign in campaigns { campaign.add(to: &table) }
        return table.text
    }
}

/// A campaign of the list.
private struct CampaignLine {
    let overview: CampaignOverview
    let outlook: RunOutlook?

    init(_ overview: CampaignOverview, _ outlooks: [UUID: RunOutlook]) {
        self.overview = overview
        outlook = overview.run.flatMap { outlooks[$0.run.id] }
    }

    var json: JSONValue {
        var fields = overview.campaign.json(outlook).objectValue ?? [:]
        fields["run"] = overview.run?.json(outlook, [])
        fields["nextStartAt"] = overview.nextStartAt.map { .string($0.apiText) }
        // A list of many campaigns is not the place for their content.
        for content in ["messageTemplate", "templateParams", "audienceFilter", "triggerConfig"] {
            fields[content] = nil
        }
        return .object(fields)
    }

    func add(to table: inout TextTable) {
        let (campaign, run) = (overview.campaign, overview.run?.run)
        table.add(
            "\(campaign.tenantID)/\(campaign.name)",
            campaign.status.rawValue,
            run.map { $0.startedAt?.formatted(.iso8601) ?? $0.status.rawValue } ?? "never",
            run.map { RunProgress($0).text },
            overview.nextStartAt?.formatted(.iso8601),
            waits
        )
    }

    private var waits: String? {
        if let outlook { return outlook.waiting.isMoving ? nil : outlook.waiting.words }
        return overview.campaign.statusReason
    }
}
