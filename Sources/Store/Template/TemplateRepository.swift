public import Foundation
import JSON
public import Postgres
public import Spec

/// The reason why a template could not be changed; nothing was written.
public enum TemplateError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The tenant has no such template.
    case unknown
    /// A file owns it.
    case managed(file: String?)
    case protected
    /// Campaigns are made from it; some of their names.
    case inUse(campaigns: [String])
    /// Another template has the name.
    case nameTaken(String)
    /// The tenant has no account of the name; the names that it has.
    case unknownAccount(String, known: [String])
    /// The template names no account, and the tenant has several.
    case noAccount(known: [String])
    /// It belongs to an account, and WhatsApp would refuse it.
    case refused([TemplateReview.Finding])

    public var description: String {
        switch self {
        case .unknown: "no such template"
        case .managed(let file): "the template is managed by \(file.map { "`\($0)`" } ?? "a spec")"
        case .protected: "the template is protected"
        case .inUse(let campaigns): "campaigns use the template: \(campaigns.joined(separator: ", "))"
        case .nameTaken(let name): "there is a template `\(name)` already"
        case .unknownAccount(let name, let known):
            "the tenant has no account `\(name)`\(known.isEmpty ? "" : "; it has \(known.joined(separator: ", "))")"
        case .refused(let findings): findings.map { "\($0.field): \($0.message)" }.joined(separator: "; ")
        case .noAccount(let known): "the tenant has several accounts; name one of \(known.joined(separator: ", "))"
        }
    }
}

/// The message templates of a tenant.
public struct TemplateRepository: Sendable {
    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Returns a page of the templates by name, and how many there are in all.
    public func list(tenant: String, page: Int, limit: Int) async throws -> (templates: [TemplateRecord], total: Int) {
        try await pool.withConnection { connection in
            let condition: PostgresQuery = "t.\"tenantId\" = \(tenant) AND t.\"archivedAt\" IS NULL"
            let total = try await connection.query("SELECT count(*) FROM templates t WHERE \(fragment: condition)")
            let rows = try await connection.query(
                """
                \(fragment: TemplateRecord.selection) WHERE \(fragment: condition)
                ORDER BY t.name, t.id LIMIT \(limit) OFFSET \((page - 1) * limit)
                """
            )
            let templates = try rows.map(TemplateRecord.init(row:))
            return (try await Self.withStates(templates, tenant: tenant, on: connection), try total[0].decode(0))
        }
    }

    /// Returns a template of the tenant; `nil` if the tenant has no template with the id.
    public func find(_ id: UUID, tenant: String) async throws -> TemplateRecord? {
        try await pool.withConnection { connection in
            let found = try await Self.find(id, tenant: tenant, on: connection)
            return try await Self.withStates(found.map { [$0] } ?? [], tenant: tenant, on: connection).first
        }
    }

    private static func withStates(
        _ templates: [TemplateRecord],
        tenant: String,
        on connection: PostgresConnection
    ) async throws -> [TemplateRecord] {
        let names = Set(templates.map(\.spec.whatsappName)).sorted()
        let states = try await AccountFactRepository.states(of: tenant, names: names, on: connection)
        return templates.map { template in
            var template = template
            let languages = template.spec.codes.map(TemplateState.language)
            template.states = states.filter {
                $0.name == template.spec.whatsappName && languages.contains($0.language)
            }
            return template
        }
    }

    static func find(
        _ id: UUID,
        tenant: String,
        isLocked: Bool = false,
        on connection: PostgresConnection
    ) async throws -> TemplateRecord? {
        let lock: PostgresQuery = isLocked ? "FOR UPDATE OF t" : ""
        let rows = try await connection.query(
            """
            \(fragment: TemplateRecord.selection)
            WHERE t.id = \(id) AND t."tenantId" = \(tenant) AND t."archivedAt" IS NULL \(fragment: lock)
            """
        )
        return try rows.first.map(TemplateRecord.init(row:))
    }
}

extension TemplateRepository {
    /// Stores a new template.
    ///
    /// - Throws: ``TemplateError`` when its name is taken.
    public func create(_ spec: TemplateSpec, tenant: String) async throws -> TemplateRecord {
        try await named(spec.name) { connection in
            let account = try await Self.account(of: spec, tenant: tenant, on: connection)
            let content = TemplateColumns(spec.canonical.objectValue ?? [:])
            let rows = try await connection.query(
                """
                INSERT INTO templates (
                    "tenantId", name, "whatsappName", language, category, header, body, footer, buttons, parts,
                    "accountId"
                ) VALUES (
                    \(tenant), \(spec.name), \(spec.whatsappName), \(spec.language ?? ""), \(spec.category.rawValue),
                    \(content.header), \(content.body), \(content.footer), \(PostgresJSON(content.buttons))::jsonb,
                    \(content.parts.map { PostgresJSON($0) })::jsonb, \(account)
                ) RETURNING \(fragment: TemplateRecord.columns)
                """
            )
            return try TemplateRecord(row: rows[0])
        }
    }

    /// Replaces the texts of a template.
    ///
    /// - Throws: ``TemplateError`` when campaigns are made from it, a file owns it, or its new name is taken.
    public func replace(_ id: UUID, by spec: TemplateSpec, tenant: String) async throws -> TemplateRecord {
        try await named(spec.name) { connection in
            try await free(id, tenant: tenant, on: connection)
            let account = try await Self.account(of: spec, tenant: tenant, on: connection)
            let content = TemplateColumns(spec.canonical.objectValue ?? [:])
            let rows = try await connection.query(
                """
                UPDATE templates SET
                    name = \(spec.name), "whatsappName" = \(spec.whatsappName), language = \(spec.language ?? ""),
                    category = \(spec.category.rawValue), header = \(content.header), body = \(content.body),
                    footer = \(content.footer), buttons = \(PostgresJSON(content.buttons))::jsonb,
                    parts = \(content.parts.map { PostgresJSON($0) })::jsonb, "accountId" = \(account), "updatedAt" = now()
                WHERE id = \(id) RETURNING \(fragment: TemplateRecord.columns)
                """
            )
            return try TemplateRecord(row: rows[0])
        }
    }

    /// Archives a template; its row stays for the campaigns that once used it.
    ///
    /// - Throws: ``TemplateError`` when campaigns are made from it, or a file owns it.
    public func delete(_ id: UUID, tenant: String) async throws {
        try await pool.transaction { connection in
            try await free(id, tenant: tenant, on: connection)
            try await connection.execute(
                "UPDATE templates SET \"archivedAt\" = now(), \"updatedAt\" = now() WHERE id = \(id)"
            )
        }
    }

    /// Locks a template that no campaign is going to send; campaigns that are over have their own copy of the texts.
    ///
    /// A campaign that is made from the template at the same time has its own copy of the texts.
    private func free(_ id: UUID, tenant: String, on connection: PostgresConnection) async throws {
        guard let record = try await Self.find(id, tenant: tenant, isLocked: true, on: connection) else {
            throw TemplateError.unknown
        }
        if record.isManagedBySpec { throw TemplateError.managed(file: record.sourceFile) }
        if record.spec.protect { throw TemplateError.protected }
        let rows = try await connection.query(
            """
            SELECT name FROM campaigns WHERE "templateId" = \(id) AND "archivedAt" IS NULL
                AND status NOT IN \(anyOf: [CampaignStatus.completed, .failed, .cancelled])
            ORDER BY name LIMIT 5
            """
        )
        guard rows.isEmpty else {
            throw TemplateError.inUse(campaigns: try rows.map { try $0.decode(0, as: String.self) })
        }
    }

    /// Returns the account that a template belongs to: the one it names, or the only one of the tenant.
    ///
    /// - Throws: ``TemplateError`` when there is no such account, or it could be any of several.
    private static func account(
        of spec: TemplateSpec,
        tenant: String,
        on connection: PostgresConnection
    ) async throws -> UUID? {
        let rows = try await connection.query(
            "SELECT id, name FROM accounts WHERE \"tenantId\" = \(tenant) AND \"archivedAt\" IS NULL ORDER BY name"
        )
        let known = try rows.map { try $0.decode("name", as: String.self) }
        guard let name = spec.account else {
            guard known.count <= 1 else { throw TemplateError.noAccount(known: known) }
            guard let row = rows.first else { return nil }
            try review(spec)
            return try row.decode("id")
        }
        guard let index = known.firstIndex(of: name) else {
            throw TemplateError.unknownAccount(name, known: known)
        }
        try review(spec)
        return try rows[index].decode("id")
    }

    /// Checks that WhatsApp would not certainly refuse a template.
    private static func review(_ spec: TemplateSpec) throws(TemplateError) {
        let errors = TemplateReview(spec).findings.filter { $0.code.severity == .error }
        if !errors.isEmpty { throw .refused(errors) }
    }

    private func named<Value: Sendable>(
        _ name: String,
        _ body: @Sendable (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        do {
            return try await pool.transaction { try await body($0) }
        } catch let error as PostgresError where error.isUniqueViolation {
            throw TemplateError.nameTaken(name)
        }
    }
}

extension TemplateRepository {
    /// Returns the categories of stored templates, as launches look for them.
    ///
    /// - Parameters:
    ///   - references: The templates.
    ///   - connection: The connection to use.
    /// - Returns: The categories; those whose name no template has are left out.
    /// - Throws: `PostgresError`.
    public static func categories(
        of references: [TemplateReference],
        on connection: PostgresConnection
    ) async throws -> [TemplateReference: TemplateSpec.Category] {
        guard !references.isEmpty else { return [:] }
        let rows = try await connection.query(
            """
            SELECT n.number - 1, category_of_template(n.tenant, n.name, n.language, a.id)
            FROM unnest(
                \(references.map(\.tenant))::text[], \(references.map(\.name))::text[],
                \(references.map { $0.language ?? "" })::text[], \(references.map { $0.account ?? "" })::text[]
            ) WITH ORDINALITY AS n(tenant, name, language, account, number)
            LEFT JOIN accounts a ON a."tenantId" = n.tenant AND a.name = n.account AND a."archivedAt" IS NULL
            """
        )
        var categories: [TemplateReference: TemplateSpec.Category] = [:]
        for row in rows {
            categories[references[try row.decode(0)]] = try row.decode(1, as: String?.self)
                .flatMap(TemplateSpec.Category.init(rawValue:))
        }
        return categories
    }

    /// Returns the campaign with the category of the stored template that its raw message names, and with what WhatsApp has made
    /// marketing.
    public func resolved(_ campaign: ResolvedCampaign) async throws -> ResolvedCampaign {
        try await pool.withConnection { connection in
            var known = campaign
            if let reference = campaign.unknownTemplate {
                let categories = try await Self.categories(of: [reference], on: connection)
                known = categories[reference].map(campaign.knowing) ?? campaign
            }
            let made = try await Self.madeMarketing(
                [try await Self.inForce(known, on: connection)],
                on: connection
            )
            return made.isEmpty ? known : known.madeMarketing()
        }
    }

    /// Returns a campaign with its template under the name that its row has at WhatsApp, if that is a version of the spec's.
    private static func inForce(
        _ campaign: ResolvedCampaign,
        on connection: PostgresConnection
    ) async throws -> ResolvedCampaign {
        guard let template = campaign.template else { return campaign }
        let rows = try await connection.query(
            """
            SELECT t."whatsappName" FROM templates t
            WHERE t."tenantId" = \(campaign.identity.tenant) AND t.name = \(template.name) AND t."archivedAt" IS NULL
            """
        )
        guard let name = try rows.first?.decode(0, as: String.self),
            TemplateVersion.number(of: name, base: template.whatsappName) != nil
        else { return campaign }
        return campaign.sending(atWhatsApp: name)
    }

    /// Returns those of some campaigns whose template is not marketing by its spec, and is at WhatsApp in a language that is sent.
    ///
    /// - Parameters:
    ///   - campaigns: The campaigns, with the names of templates that are in force.
    ///   - connection: The connection to use; a role that may not read what WhatsApp has finds none.
    /// - Returns: The campaigns of which that is so.
    /// - Throws: `PostgresError`.
    public static func madeMarketing(
        _ campaigns: [ResolvedCampaign],
        on connection: PostgresConnection
    ) async throws -> Set<SpecIdentity> {
        let sent = campaigns.filter { !$0.category.isMarketing }.flatMap { campaign in
            let template = campaign.sentTemplate
            return (template?.languages ?? []).map { (campaign: campaign, name: template?.name ?? "", language: $0) }
        }
        guard !sent.isEmpty,
            try await connection.query("SELECT has_table_privilege('whatsapp_templates', 'SELECT')")[0].decode(0)
        else { return [] }
        let rows = try await connection.query(
            """
            SELECT DISTINCT n.number - 1
            FROM unnest(
                \(sent.map(\.campaign.identity.tenant))::text[], \(sent.map { $0.campaign.sender.account ?? "" })::text[],
                \(sent.map(\.campaign.sender.name))::text[], \(sent.map(\.name))::text[], \(sent.map(\.language))::text[]
            ) WITH ORDINALITY AS n(tenant, account, sender, name, language, number)
            LEFT JOIN accounts a ON a."tenantId" = n.tenant AND a.name = n.account AND a."archivedAt" IS NULL
            LEFT JOIN senders s ON s."tenantId" = n.tenant AND s.name = n.sender AND s."archivedAt" IS NULL
            JOIN whatsapp_templates w ON w."businessAccountId" = coalesce(a."wabaId", s."businessAccountId")
                AND w.name = n.name AND w.language = n.language
            WHERE \(fragment: TemplateState.isMarketing)
            """
        )
        return Set(try rows.map { sent[try $0.decode(0)].campaign.identity })
    }
}
