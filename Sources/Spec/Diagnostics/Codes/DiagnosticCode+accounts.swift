/// Accounts at WhatsApp, and what belongs to them.
extension DiagnosticCode {
    static let accountFamily = [otherAccount, sameAccount, sharedAccount, sameTemplate, sampleWithoutApp]

    public static let otherAccount = DiagnosticCode(
        "C090",
        .error,
        "template of another account",
        "A template exists in one WhatsApp Business Account. Only the phone numbers of that account can send it.",
        in: ExampleSpecs.templateCampaign("template: welcome")
            .replacing("Hi {{1}}", with: "Hi all")
            .replacing("whatsappName: welcome", with: "whatsappName: welcome\naccount: …")
            .replacing("accessToken: env:WHATSAPP_TOKEN", with: "accessToken: env:WHATSAPP_TOKEN\naccount: main")
            + "\n---\n\(ExampleSpecs.account)\n---\n"
            + ExampleSpecs.account.replacing("main", with: "other").replacing("398", with: "399"),
        wrong: "other",
        right: "main"
    )

    public static let sameAccount = DiagnosticCode(
        "C091",
        .error,
        "account described twice",
        "One WhatsApp Business Account is one `kind: Account`; otherwise two specs would decide about the same templates.",
        in: "\(ExampleSpecs.account)\n---\n"
            + ExampleSpecs.account.replacing("main", with: "second").replacing("398", with: "…"),
        wrong: "398",
        right: "399"
    )

    public static let sameTemplate = DiagnosticCode(
        "C098",
        .error,
        "template described twice",
        "A name and a language are one template of a WhatsApp Business Account; otherwise two specs would decide about its text "
            + "and its category.",
        in: "\(ExampleSpecs.template)\n---\n"
            + ExampleSpecs.template.replacing("name: welcome\nw", with: "name: second\nw")
            .replacing("language: en", with: "language: …"),
        wrong: "en",
        right: "sw"
    )

    public static let sampleWithoutApp = DiagnosticCode(
        "C107",
        .warning,
        "sample that cannot be uploaded",
        "WhatsApp's reviewers see a sample of the file in a header. It is uploaded through an app, which the account names with "
            + "`appId`. A template that WhatsApp has already needs none until it is changed.",
        in: "\(ExampleSpecs.account)\n---\n"
            + ExampleSpecs.template.replacing("body: Hi {{1}}", with: "header: …\nbody: Welcome to our shop"),
        wrong: "{ image: \"https://shop.example/spring.jpg\" }",
        right: "Our offer"
    )

    public static let sharedAccount = DiagnosticCode(
        "C092",
        .warning,
        "account of two tenants",
        "Tenants can share a WhatsApp Business Account, with a phone number for each. They also share its templates, whose "
            + "names are unique there, its limits and its quality."
    )
}
