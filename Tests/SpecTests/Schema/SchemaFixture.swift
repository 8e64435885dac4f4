import Foundation
import YAML

@testable import JSON
@testable import JSONSchema
@testable import Spec

/// Schemas, examples and documents for tests.
enum SchemaFixture {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    static let validator = SchemaValidator(SpecSchema.json(of: nil))

    /// The documents of a text, without their places.
    static func documents(_ text: String) -> [JSONValue] {
        YAMLReader().read(Array(text.utf8)).documents.map(JSONValue.init)
    }

    /// The spec files of the examples.
    static func examples() throws -> [(path: String, text: String)] {
        let folder = root.appending(path: "campaigns")
        let files = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
        return try files.filter { $0.hasSuffix(".yaml") }.sorted().map { path in
            (path, try String(contentsOf: folder.appending(path: path), encoding: .utf8))
        }
    }

    /// True if the readers take a document by itself.
    static func isRead(_ document: JSONValue) -> Bool {
        guard let kind = document["kind"]?.stringValue.flatMap(SpecKind.init) else { return false }
        return (try? kind.spec(canonical: document)) != nil
    }

    /// Specs that have, together, every mapping and every field.
    static let everything =
        documents(
            """
            { kind: Tenant, name: acme, protect: true, renamedFrom: old, timeZone: Africa/Nairobi,
              quietHours: { from: "21:00", to: "07:30", action: skip, clock: contact },
              frequencyCap: { messages: 3, within: 7d, action: wait }, defaults: { sender: main, language: en },
              policy: {
                maxRecipients: 10, maxCost: USD 250, maxCampaigns: 2, allowedCategories: [utility], minScheduleInterval: 12h,
                maxFailurePercent: 20,
                rules: [ { name: large, message: Ask first, kind: Campaign, field: audience, recipients: 5, quota: 50,
                  times: { from: "20:00", to: "07:00" } } ]
              },
              optOutWords: [acha], templateText: strict,
              country: KE, window: contact, createContacts: inbound,
              retention: { messages: 400d, events: 14d, contacts: 730d, consents: 1825d },
              testRecipients: ["+254700000017", "+254700000018"],
              onUserCap: { action: retry, every: 24h, until: 72h },
              notify: { url: "https://ops.example/hook", secret: "env:OPS", format: json, on: [paused, quota] },
              webhook: { forward: "https://inbox.example:8443/whatsapp?tenant=acme" } }
            ---
            { kind: Tenant, name: other, onUserCap: retry, notify: { url: "env:HOOK", format: slack },
              webhook: { forward: "env:INBOX" } }
            ---
            { kind: Account, name: main, wabaId: "102290129340398", accessToken: "env:TOKEN", appId: "104", businessId: "506",
              currency: KES }
            ---
            { kind: Sender, name: main, phoneNumberId: "1065", accessToken: "env:TOKEN", account: main, tier: 2, ratePerSecond: 80,
              quotaGroup: portfolio-1, pairLimit: defer, onQuotaExhausted: wait, unconfirmedPolicy: retry }
            ---
            { kind: Sender, name: other, phoneNumberId: "1066", accessToken: "file:/run/token", dailyLimit: unlimited }
            ---
            { kind: Template, name: hello, whatsappName: hello, account: main, language: pt_BR, category: marketing, header: Hi, body: "{{1}}",
              footer: Bye, buttons: [ { type: quickReply, text: Yes }, { type: copyCode }, { type: url, text: Go,
              url: "https://acme.example/{{1}}" }, { type: phone, text: Call, phoneNumber: "+254700100200" } ], fallback: fr,
              languages: { fr: { header: Salut, body: "{{1}}", footer: Au revoir, buttons: [ Oui, copyCode, Aller, Appeler ] } } }
            ---
            { kind: Template, name: offer, whatsappName: offer, account: main, language: en, category: marketing,
              header: { image: "https://acme.example/a.jpg" }, body: "Dear {{1}}, look", offer: { text: Soon, expires: true },
              buttons: [ { type: copyCode }, { type: url, text: Go, url: "https://acme.example/{{1}}" } ],
              examples: { "1": Ada, button.0: SAVE10 }, allowCategoryChange: true, ttl: 12h }
            ---
            { kind: Template, name: film, whatsappName: film, language: en, category: utility, header: { video: true }, body: Hi,
              buttons: [ { type: flow, text: Book, flowId: "1018", action: dataExchange, screen: A }, { type: catalog, text: See } ] }
            ---
            { kind: Template, name: paper, whatsappName: paper, language: en, category: utility, header: { document: "1013" },
              body: Hi }
            ---
            { kind: Template, name: place, whatsappName: place, language: en, category: utility, header: { location: true },
              body: Hi }
            ---
            { kind: Template, name: items, whatsappName: items, language: en, category: marketing, header: { product: true },
              body: Hi, buttons: [ { type: product, text: View }, { type: products, text: All }, { type: voiceCall, text: Call },
              { type: contactInfo } ] }
            ---
            { kind: Template, name: ask, whatsappName: ask, language: en, category: utility, body: Hi, callPermission: true }
            ---
            { kind: Template, name: cards, whatsappName: cards, language: en, category: marketing, body: Look, cards: [
              { header: { image: true }, body: "A {{1}} b", buttons: [ { type: quickReply, text: Yes } ] },
              { header: { image: "1013" }, body: B, buttons: [ { type: quickReply, text: Yes } ] } ] }
            ---
            { kind: Template, name: code, whatsappName: code, language: en, category: authentication, otp: { type: zeroTap,
              text: Copy, autofillText: Fill, apps: [ { package: com.acme.shop, signature: K8a/AINcGX7 } ], acceptsTerms: true,
              securityRecommendation: true, codeExpiry: 10m } }
            ---
            { kind: Audience, name: all, logic: OR, conditions: [ { not: { field: tags, operator: contains_any, value: [a] } },
              { logic: AND, conditions: [ { field: lastSeen, operator: gte, value: "-24h" },
              { field: yearOfBirth, operator: in, value: [1990, 1991] }, { field: email, operator: is_null },
              { field: metadata.plan, operator: eq, value: premium }, { field: lastSeen, operator: older_than, value: 90d },
              { field: name, operator: starts_with, value: A }, { field: email, operator: ends_with, value: .example },
              { field: firstSeen, operator: newer_than, value: 2w }, { field: metadata.x, operator: between, value: [1, 2] },
              { field: lastSeen, operator: between, value: ["-30d", "-7d"] } ] } ] }
            ---
            { kind: Campaign, name: hello, title: Hello, type: manual, sender: main, template: hello, params: { "1": x },
              audience: all, templateText: mend, onUserCap: fail }
            ---
            { kind: Campaign, name: text, type: scheduled, message: { type: text, text: { body: Hi, preview_url: true },
              messaging_product: whatsapp, recipient_type: individual }, audience: { conditions: [] } }
            ---
            { kind: Schedule, name: weekly, campaign: hello, cron: "0 9 * * MON", timeZone: Africa/Nairobi, from: 2026-01-01,
              until: "2045-01-01T10:00", maxRuns: 3, misfire: runAll, misfireWindow: 6h, overlap: queue,
              dst: { gap: skip, fold: both }, localTime: true, startWhenApproved: true, isActive: false }
            ---
            { kind: Schedule, name: once, campaign: hello, at: "2045-01-01T10:00", timeZone: UTC }
            ---
            { kind: Trigger, name: paid, campaign: hello, event: my.event, custom: true, match: { plan: a, n: 1, b: true },
              cooldown: 24h, isActive: true }
            """
        ) + messages

    private static let messages = [
        "image, image: { id: '1', caption: x }",
        "document, document: { link: 'https://a.example', caption: x, filename: y }",
        "audio, audio: { id: '1' }",
        "location, location: { latitude: 1.5, longitude: '{{context.x}}', name: a, address: b }",
        "template, template: { name: a, language: { code: en, policy: deterministic }, components: [ { type: body } ] }",
        """
        interactive, interactive: { type: button, header: { type: image, image: { id: '1' } }, body: { text: a },
          footer: { text: b }, action: { buttons: [ { type: reply, reply: { id: a, title: b } } ] } }
        """,
        """
        interactive, interactive: { type: list, header: { type: document, document: { id: '1', filename: a } },
          body: { text: a }, action: { button: a, sections: [ { title: a, rows: [ { id: a, title: b, description: c } ] } ] } }
        """,
        """
        interactive, interactive: { type: cta_url, header: { type: text, text: a }, body: { text: a },
          action: { name: cta_url, parameters: { display_text: a, url: 'https://a.example' } } }
        """,
        "interactive, interactive: { type: location_request_message, body: { text: a }, action: { name: send_location } }",
        "interactive, interactive: { type: flow, body: { text: a }, action: { name: flow } }",
        """
        contacts, contacts: [ { name: { formatted_name: a, first_name: b, last_name: c, middle_name: d, prefix: e, suffix: f },
          org: { company: a, department: b, title: c }, phones: [ { phone: a, type: b, wa_id: c } ],
          emails: [ { email: a, type: b } ], urls: [ { url: a, type: b } ], birthday: '1990-01-31',
          addresses: [ { street: a, city: b, state: c, zip: d, country: e, country_code: f, type: g } ] } ]
        """,
    ].flatMap {
        documents("{ kind: Campaign, name: m, type: manual, message: { type: \($0) }, audience: { conditions: [] } }")
    }
}
