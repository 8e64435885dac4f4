public import Foundation
import Postgres

/// How somebody names a campaign of a tenant.
public enum CampaignKey: Hashable, Sendable, CustomStringConvertible {
    /// Names need not be unique; the newest campaign counts.
    case name(String)
    case id(UUID)

    public var description: String {
        switch self {
        case .name(let name): name
        case .id(let id): id.uuidString.lowercased()
        }
    }

    /// A condition on `campaigns AS c`.
    var condition: PostgresQuery {
        switch self {
        case .name(let name): "c.name = \(name)"
        case .id(let id): "c.id = \(id)"
        }
    }
}
