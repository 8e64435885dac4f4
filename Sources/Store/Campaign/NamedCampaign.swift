public import Foundation
import Postgres

/// A campaign that a name may mean.
public struct NamedCampaign: Hashable, Sendable {
    public let id: UUID
    public let tenantID: String
    public let name: String
    public let status: CampaignStatus
    /// True if a spec owns it.
    public let isManaged: Bool
    /// True if its spec was deleted, or the draft was.
    public let isArchived: Bool
    public let createdAt: Date

    init(
        id: UUID,
        tenantID: String,
        name: String,
        status: CampaignStatus,
        isManaged: Bool,
        isArchived: Bool,
        createdAt: Date
    ) {
        (self.id, self.tenantID, self.name, self.status) = (id, tenantID, name, status)
        (self.isManaged, self.isArchived, self.createdAt) = (isManaged, isArchived, createdAt)
    }

    init(row: PostgresRow) throws(PostgresError) {
        self.init(
            id: try row.decode("id"),
            tenantID: try row.decode("tenantId"),
            name: try row.decode("name"),
            status: try row.decode("status"),
            isManaged: try row.decode("managedBy", as: String?.self) != nil,
            isArchived: try row.decode("archivedAt", as: Date?.self) != nil,
            createdAt: try row.decode("createdAt")
        )
    }

    /// The campaign as output names it: `acme/offer`.
    public var path: String { "\(tenantID)/\(name)" }

    static let selection: PostgresQuery = """
        SELECT c.id, c."tenantId", c.name, c.status, c."managedBy", c."archivedAt", c."createdAt" FROM campaigns c
        """
}

/// The campaign that a name of one tenant means; a pure decision.
public enum NameMeaning: Hashable, Sendable {
    case none
    case one(NamedCampaign)
    /// No spec owns one of them, so the name means none of them.
    case several([NamedCampaign])

    /// Decides: the campaign of a spec, or else the only one.
    ///
    /// A campaign whose spec was deleted counts only if there are no others, and a draft that was deleted never does.
    public init(among campaigns: [NamedCampaign]) {
        let live = campaigns.filter { !$0.isArchived }
        let candidates = (live.isEmpty ? campaigns.filter(\.isManaged) : live).sorted { $0.createdAt > $1.createdAt }
        guard let first = candidates.first(where: \.isManaged) ?? candidates.first else {
            self = .none
            return
        }
        self = first.isManaged || candidates.count == 1 ? .one(first) : .several(candidates)
    }
}

extension CampaignRepository {
    /// Returns the campaigns with a name, archived ones too, but no copies for tests.
    ///
    /// - Parameters:
    ///   - name: The name.
    ///   - tenant: The owner of the campaigns; `nil` means all tenants.
    /// - Returns: The campaigns, newest first.
    /// - Throws: `PostgresError`.
    public func named(_ name: String, tenant: String?) async throws -> [NamedCampaign] {
        let rows = try await pool.query(
            """
            \(fragment: NamedCampaign.selection)
            WHERE c.name = \(name) AND (\(tenant)::text IS NULL OR c."tenantId" = \(tenant)::text)
                AND c."testOf" IS NULL
            ORDER BY c."createdAt" DESC LIMIT 1000
            """
        )
        return try rows.map(NamedCampaign.init(row:))
    }

    /// Returns the campaign with an id, archived or not; `nil` if there is none, or it belongs to another tenant.
    public func named(id: UUID, tenant: String?) async throws -> NamedCampaign? {
        let rows = try await pool.query(
            """
            \(fragment: NamedCampaign.selection)
            WHERE c.id = \(id) AND (\(tenant)::text IS NULL OR c."tenantId" = \(tenant)::text)
                AND c."testOf" IS NULL
            """
        )
        return try rows.first.map(NamedCampaign.init(row:))
    }
}
