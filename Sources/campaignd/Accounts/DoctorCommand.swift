import Account
import ArgumentParser
import CommandKit
import Foundation
import JSON
import Postgres
import Settings
import Spelling
import Store

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Examine the set-up of a tenant at WhatsApp, from end to end; it changes nothing.",
        discussion: """
            It looks at the token with its rights and its end, at numbers, limits, webhooks and the templates that campaigns \
            use, at the way from outside to the daemon, and at the clock. Run it with the environment of the daemon. For the \
            way in it needs PUBLIC_URL, the address of the daemon from outside: it posts a signed webhook about nothing there.

            Exit codes: 0 nothing fails; 1 something fails.

            Examples:
              campaignd doctor --tenant acme
              PUBLIC_URL=https://campaigns.example campaignd doctor --tenant acme --format json
            """
    )

    @Option(help: "The tenant.")
    var tenant: String

    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let environment = try database.environment(of: [tenant])
        let variables = Variables(environment)
        let findings = try await database.withPool(of: [tenant]) { pool in
            try await Self.examine(tenant, pool, variables, environment)
        }
        let counts = Dictionary(grouping: findings, by: \.verdict).mapValues(\.count)
        output.write(
            [
                "tenantId": .string(tenant), "findings": .array(findings.map(\.json)),
                "counts": .object(
                    Dictionary(uniqueKeysWithValues: counts.map { ($0.key.rawValue, .integer($0.value)) })
                ),
            ],
            text: Self.text(findings)
        )
        if counts[.fail] != nil { throw ExitCode.failure }
    }

    private static func examine(
        _ tenant: String,
        _ pool: PostgresPool,
        _ variables: Variables,
        _ environment: [String: String]
    ) async throws -> [Finding] {
        try await CampaignRepository(pool: pool).requireTenant(tenant)
        let secret = try variables.secret("WHATSAPP_APP_SECRET")
        let client = try GraphClient(variables)
        let outside: GraphClient?
        do {
            outside = try GraphClient.outside(variables)
        } catch {
            await client.shutdown()
            throw error
        }
        let doctor = AccountDoctor(
            pool: pool,
            client: client,
            outside: outside,
            tokens: TokenResolver(environment: environment),
            setup: AccountDoctor.Setup(
                publicURL: outside?.url,
                appSecret: secret,
                verifyToken: variables["WHATSAPP_VERIFY_TOKEN"]
            )
        )
        let result: Result<[Finding], any Error>
        do {
            result = .success(try await doctor.examine(tenant))
        } catch {
            result = .failure(error)
        }
        await client.shutdown()
        await outside?.shutdown()
        return try result.get()
    }

    private static func text(_ findings: [Finding]) -> String {
        var table = TextTable("VERDICT", "CHECK", "ABOUT", "SEEN")
        for finding in findings {
            table.add(finding.verdict.rawValue, finding.check.rawValue, finding.subject, finding.seen)
            if let remedy = finding.remedy { table.note("→ \(remedy)") }
        }
        let counts = Finding.Verdict.allCases.map { verdict in
            "\(findings.count { $0.verdict == verdict }.grouped) \(verdict.rawValue)"
        }
        return table.text + "\n" + counts.joined(separator: ", ") + "\n"
    }
}
