import Foundation
import Postgres
import Spec

@testable import Store

extension Fixture {
    var consents: ConsentRepository { ConsentRepository(pool: pool) }

    /// A message of the template `reminder`, whose category ``addTemplate(_:)`` sets.
    static let reminder = #"{"type":"template","template":{"name":"reminder","language":{"code":"en"}}}"#

    /// Stores the template `reminder`, or another category of it.
    func addTemplate(_ category: String) async throws {
        try await pool.execute(
            """
            INSERT INTO templates (id, "tenantId", name, "whatsappName", language, category, body)
            VALUES ('00000000-0000-0000-0000-000000000001', 'acme', 'reminder', 'reminder', 'en', \(category), 'Hi')
            ON CONFLICT (id) DO UPDATE SET category = excluded.category
            """
        )
    }

    /// Records what a person wrote.
    ///
    /// - Parameters:
    ///   - id: The number in any spelling.
    ///   - text: `STOP` or `START`; `stop` and `resume` are WhatsApp's setting for marketing messages.
    ///   - time: Seconds after ``now``.
    ///   - tenant: The owner of the number that the person wrote to.
    /// - Throws: An error of the database.
    func hear(_ id: String, _ text: String, at time: Double = 0, tenant: String = "acme") async throws {
        let isSetting = text == text.lowercased()
        let statement = ConsentStatement(
            tenantID: tenant,
            ids: [id],
            isSetting ? .marketing : .all,
            isOptedIn: ["START", "resume"].contains(text),
            source: isSetting ? .preference : .message,
            at: Fixture.now.addingTimeInterval(time)
        )
        try await consents.record([statement])
    }

    /// The consent of a contact: `in`, `out`, or `no marketing`.
    func consent(of contactID: String) async throws -> String {
        try await value(
            """
            SELECT CASE WHEN "suppressedLevel" = 'marketing' AND "optedIn" THEN 'no marketing'
                WHEN "optedIn" AND "suppressedLevel" IS NULL THEN 'in' ELSE 'out' END
            FROM contacts WHERE "tenantId" = 'acme' AND "contactId" = \(contactID)
            """
        )
    }

    func level(of id: String, tenant: String = "acme") async throws -> ConsentLevel? {
        try await consents.find(id, tenant: tenant)?.level
    }

    /// Adds a contact as another system does.
    func addContact(_ contactID: String, tenant: String = "acme") async throws {
        try await pool.execute(
            """
            INSERT INTO contacts ("tenantId", "contactId", "lastSeen", "optedIn")
            VALUES (\(tenant), \(contactID), clock_timestamp(), true)
            """
        )
    }

    /// The numbers that an audience of everybody has.
    func audience(_ category: TemplateSpec.Category = .marketing) async throws -> [String] {
        let samples = try await AudienceRepository(pool: pool).samples(
            tenant: "acme",
            filter: .group(.and, []),
            category: category,
            now: Date(),
            limit: 100
        )
        return samples.map(\.contactID)
    }
}
