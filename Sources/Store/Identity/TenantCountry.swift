import Postgres
public import Spec

/// The country of a tenant's national phone numbers.
enum TenantCountry {
    /// Returns the country that the tenant's spec names; `nil` if it names none.
    static func of(_ tenant: String, on connection: PostgresConnection) async throws -> CallingCode? {
        let rows = try await connection.query(
            "SELECT country FROM tenants WHERE \"tenantId\" = \(tenant) AND \"archivedAt\" IS NULL"
        )
        return try rows.first?.decode(0, as: String?.self).flatMap(CallingCode.of(country:))
    }
}

extension ContactImportRepository {
    /// Returns the country of the tenant's national numbers; `nil` if its spec names none.
    public func country(of tenant: String) async throws -> CallingCode? {
        try await pool.withConnection { try await TenantCountry.of(tenant, on: $0) }
    }
}

extension ContactRepository {
    /// Returns a reader for the ids of a tenant's contacts, which knows the country of its national numbers.
    public func reader(for tenant: String) async throws -> PhoneNumberReader {
        try await pool.withConnection { PhoneNumberReader(country: try await TenantCountry.of(tenant, on: $0)) }
    }
}
