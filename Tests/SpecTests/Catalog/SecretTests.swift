import JSON
import Spec
import Testing

struct SecretTests {
    @Test(arguments: [
        "accessToken: EAAGsecret", "accessToken: 'EAAGsecret'", "accessToken: |\n  EAAGsecret",
        "acessToken: EAAGsecret",
        "accessToken: EAAGsecret\naccessToken: EAAGsecret", "accessToken: [EAAGsecret]", "accessToken: EAAGsecret: x",
        "ratePerSecond: EAAGsecretsecretsecretsecret", "accessToken: \"EAAGsecret", "\"accessToken\": EAAGsecret",
        "accessToken: &a EAAGsecret",
    ])
    func neverShowsALiteralToken(field: String) {
        let text = "kind: Sender\nname: a\nphoneNumberId: \"1\"\n\(field)\n"
        let rendered = Fixture.rendered(text)
        #expect(rendered.contains("error["))
        #expect(!rendered.contains("secret\"") && !rendered.contains("Gsecret"))
        #expect(!DiagnosticRenderer.json(Fixture.catalog(text).diagnostics).canonicalText.contains("Gsecret"))
    }

    @Test(arguments: [
        "url: https://hooks.slack.com/services/Gsecret", "url: https://me:Gsecret@ops.example/x", "url: Gsecret",
        "ulr: https://hooks.slack.com/services/Gsecret", "url: ftp://Gsecret", "url: http://ops.example/Gsecret",
        "url: env:HOOK\n  secret: Gsecret", "url: env:HOOK\n  sekret: Gsecret",
        "url: [https://discord.com/api/Gsecret]",
        "url: https://discord.com/api/webhooks/Gsecret", "url: \"https://hooks.slack.com/Gsecret",
    ])
    func neverShowsAnAddressThatIsASecret(field: String) {
        let text = "kind: Tenant\nname: acme\nnotify:\n  \(field)\n"
        let rendered = Fixture.rendered(text)
        #expect(rendered.contains("error["))
        #expect(!rendered.contains("Gsecret"), "\(rendered)")
        #expect(!DiagnosticRenderer.json(Fixture.catalog(text).diagnostics).canonicalText.contains("Gsecret"))
    }

    @Test(
        arguments: [
            ("env:TOKEN", "env:TOKEN"), ("file:/run/x", "file:/run/x"), ("env:", nil), ("env:1", nil), ("file:x", nil),
            ("TOKEN", nil), ("env:a b", nil),
        ] as [(String, String?)]
    )
    func readsReferences(text: String, expected: String?) {
        #expect(SecretReference(text)?.description == expected)
    }
}
