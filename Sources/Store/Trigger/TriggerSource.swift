public import Foundation
import Postgres
import Spec

/// The reason why contacts get messages one by one.
public enum TriggerSource: Hashable, Sendable {
    /// An event of that name: every campaign that waits for it.
    case event(String)
    /// A program sends this campaign, which is of type `module_initiated`.
    case campaign(UUID)

    /// The name under which the requests are remembered; that of a campaign is no name of an event.
    public var event: String {
        switch self {
        case .event(let name): name
        case .campaign(let id): "campaign:" + id.uuidString.lowercased()
        }
    }

    /// True if a program names the campaign itself, so that nothing has to wait for it.
    var isDirect: Bool {
        if case .campaign = self { true } else { false }
    }

    /// Selects the campaigns that may take the requests; for an event it reads `wanted`, the keys of the fields of its
    /// contexts.
    func campaigns(of tenant: String) -> PostgresQuery {
        switch self {
        case .event(let name):
            """
            SELECT c.* FROM wanted CROSS JOIN LATERAL unnest(wanted.keys) AS k(key) CROSS JOIN LATERAL (
                SELECT * FROM campaigns c
                WHERE c."triggerKey" = k.key AND c."tenantId" = \(tenant) AND c."archivedAt" IS NULL
                    AND \(only: #"c."triggerType""#, is: "\(name)::text")
            ) c
            """
        case .campaign(let id):
            """
            SELECT c.* FROM (SELECT * FROM campaigns WHERE id = \(id) OFFSET 0) c
            WHERE c."tenantId" = \(tenant) AND c."archivedAt" IS NULL
                AND c.type = \(CampaignType.moduleInitiated.rawValue)::campaign_type_enum
            """
        }
    }
}

extension TriggerBatch {
    /// Returns the events that a campaign takes; a program that names the campaign decides itself.
    func matching(_ row: PostgresRow, _ source: TriggerSource) throws -> [Int] {
        source.isDirect ? open : matching(try row.json("triggerConfig"))
    }
}
