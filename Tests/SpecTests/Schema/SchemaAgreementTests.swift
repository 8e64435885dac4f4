import Testing

@testable import JSON
@testable import JSONSchema
@testable import Spec

/// Readers and schema judge changed documents alike.
struct SchemaAgreementTests {
    /// Diagnostics that a schema leaves to `validate`, because they depend on more than one field.
    private static let beyond: Set<DiagnosticCode> = [
        .templateLimit, .cronSyntax, .timeZone, .localTime, .quietHours, .emptyWindow, .duration,
        .filterRange, .translation,
    ]

    private static let values: [JSONValue] = [
        nil, true, 0, -1, 1_000_000_000_000, .number(1.5), "", "x", "A B", "7d", "-7d", "09:30", "2045-01-01",
        "unlimited", "+1 (555) 0100-200", "254700100200", "0700 100 200", "+254700100200-", "1234567", "+1  5550100200",
        "1234567890123456", "-90", "90.01", "0180.0", "179.9", "180.1", "0x1p3", "1e1", "5.", ".5", "+007.5",
        "{{name}}\n",
        "http://", "https://a b", "https://a\nb", "a\nb", ["marketing", "marketing"],
        [], ["x"], [1], [[:]], [:], ["x": "y"], .string(String(repeating: "x", count: 5000)),
    ]

    @Test func schemaTakesWhatReadersTake() {
        for document in SchemaFixture.everything {
            for path in document.paths where !path.isEmpty && path != [.key("kind")] {
                let changes =
                    Self.values.map { document.replacing(path, with: $0) } + [document.replacing(path, with: nil)]
                for changed in changes where SchemaFixture.isRead(changed) {
                    let failures = SchemaFixture.validator.failures(of: changed)
                    #expect(failures.isEmpty, "\(failures) in \(changed)")
                }
            }
        }
    }

    @Test func schemaRefusesWhatReadersRefuse() {
        for document in SchemaFixture.everything {
            for path in document.paths where !path.isEmpty && path != [.key("kind")] {
                let changes =
                    Self.values.map { document.replacing(path, with: $0) } + [document.replacing(path, with: nil)]
                for changed in changes where SchemaFixture.validator.isValid(changed) {
                    let errors = Self.errors(changed).filter { !Self.beyond.contains($0.code) }
                    #expect(errors.isEmpty, "\(errors.map(Fixture.line)) in \(changed)")
                }
            }
        }
    }

    @Test(arguments: [
        "{ kind: Campain, name: a }", "{ name: a }", "kind: Campaign", "[ 1 ]",
        "{ kind: Sender, name: Main, phoneNumberId: '1', accessToken: 'env:T' }",
        "{ kind: Sender, name: -main, phoneNumberId: '1', accessToken: 'env:T' }",
        "{ kind: Sender, name: main, phoneNumberId: 1, accessToken: 'env:T' }",
        "{ kind: Sender, name: main, phoneNumberId: '1', accessToken: EAAG1234 }",
        "{ kind: Sender, name: main, phoneNumberId: '1', accessToken: 'env:T', tier: 5 }",
        "{ kind: Sender, name: main, phoneNumberId: '1', accessToken: 'env:T', tier: 2, dailyLimit: 5 }",
        "{ kind: Sender, name: main, phoneNumberId: '1', accessToken: 'env:T', rate: 5 }",
        "{ kind: Template, name: a, whatsappName: a-b, category: utility, body: x }",
        "{ kind: Template, name: a, whatsappName: a, category: news, body: x }",
        "{ kind: Template, name: a, whatsappName: a, category: utility, body: x, buttons: [ { type: url, text: a } ] }",
        "{ kind: Audience, name: a, conditions: [ { fieldd: tags, operator: contains, value: a } ] }",
        "{ kind: Audience, name: a, conditions: [ { field: tags, operator: eq, value: a } ] }",
        "{ kind: Audience, name: a, conditions: [ { field: name, operator: in, value: a } ] }",
        "{ kind: Audience, name: a, conditions: [ { not: { not: { field: nme, operator: eq, value: a } } } ] }",
        "{ kind: Campaign, name: a, type: manual, template: b }",
        "{ kind: Campaign, name: a, type: manual, audience: b }",
        "{ kind: Campaign, name: a, type: module_initiated, template: b, message: { type: text, text: { body: x } } }",
        "{ kind: Campaign, name: a, type: module_initiated, message: { type: text, image: { id: '1' } } }",
        "{ kind: Campaign, name: a, type: module_initiated, message: { type: image, image: { id: '1', link: 'https://a' } } }",
        "{ kind: Schedule, name: a, campaign: b, timeZone: UTC }",
        "{ kind: Schedule, name: a, campaign: b, cron: '@daily' }",
        "{ kind: Schedule, name: a, campaign: b, at: 2045-01-01, cron: '@daily', timeZone: UTC }",
        "{ kind: Trigger, name: a, campaign: b, event: my.event }",
        "{ kind: Trigger, name: a, campaign: b, event: payment.overdue, cooldown: 24 }",
        "{ kind: Tenant, name: a, quietHours: { from: '21:00', to: '07:00' } }",
        "{ kind: Tenant, name: a, policy: { allowedCategories: [] } }",
        "{ kind: Tenant, name: a, policy: { rules: [] } }",
        "{ kind: Tenant, name: a, policy: { rules: [ { name: b, message: c } ] } }",
        "{ kind: Tenant, name: a, policy: { rules: [ { name: b, kind: Sender } ] } }",
        "{ kind: Tenant, name: a, policy: { rules: [ { name: b, message: c, kind: Thing } ] } }",
        "{ kind: Tenant, name: a, onUserCap: wait }",
        "{ kind: Tenant, name: a, onUserCap: { every: 24h } }",
        "{ kind: Tenant, name: a, onUserCap: { action: fail, every: 24h } }",
        "{ kind: Tenant, name: a, onUserCap: { action: retry, upto: 24h } }",
        "{ kind: Tenant, name: a, onUserCap: [retry] }",
        "{ kind: Tenant, name: a, notify: { url: 'env:A' } }",
        "{ kind: Tenant, name: a, notify: { secret: 'env:A' } }",
        "{ kind: Tenant, name: a, notify: { url: 'env:A', secret: 'env:A', on: [] } }",
        "{ kind: Tenant, name: a, notify: { url: 'env:A', secret: 'env:A', on: [sent] } }",
        "{ kind: Tenant, name: a, notify: { url: 'https://hooks.slack.com/services/T/B/x', format: slack } }",
        "{ kind: Tenant, name: a, notify: { url: 'https://x.webhook.office.com:443/x', secret: 'env:A' } }",
        "{ kind: Tenant, name: a, notify: { url: 'http://ops.example/hook', secret: 'env:A' } }",
        "{ kind: Tenant, name: a, notify: { url: 'https://user:password@ops.example/', secret: 'env:A' } }",
        "{ kind: Tenant, name: a, notify: { url: 'https://ops.example/', secret: 's3cret' } }",
        "{ kind: Tenant, name: a, retention: { } }",
        "{ kind: Tenant, name: a, retention: 400d }",
        "{ kind: Tenant, name: a, retention: { messages: 400 } }",
        "{ kind: Tenant, name: a, retention: { failures: 400d } }",
        "{ kind: Tenant, name: a, webhook: { } }",
        "{ kind: Tenant, name: a, webhook: { forward: 'http://inbox.example/' } }",
        "{ kind: Tenant, name: a, webhook: { forward: 'inbox.example' } }",
        "{ kind: Tenant, name: a, webhook: { to: 'https://inbox.example/' } }",
    ])
    func wrongDocumentIsRefused(text: String) throws {
        let document = try #require(SchemaFixture.documents(text).first)
        #expect(!SchemaFixture.validator.isValid(document))
        #expect(!SchemaFixture.isRead(document))
    }

    private static func errors(_ document: JSONValue) -> [Diagnostic] {
        guard let kind = document["kind"]?.stringValue.flatMap(SpecKind.init) else { return [] }
        do {
            _ = try kind.spec(canonical: document)
            return []
        } catch {
            return error.diagnostics
        }
    }
}
