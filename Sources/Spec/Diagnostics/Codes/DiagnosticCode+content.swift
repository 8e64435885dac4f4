/// Filters, placeholders, templates and messages.
extension DiagnosticCode {
    static let contentFamily = [
        filterField, filterOperator, filterValue, filterRange, placeholder, missingParameter, superfluousParameter,
        templateLimit, messageShape, parameterText, templateExample, templateReview, templateMessage, templateLanguage,
        parameterValue, unknownLanguage, expiredOffer,
    ]

    public static let unknownLanguage = DiagnosticCode(
        "C099",
        .warning,
        "language that WhatsApp may not know",
        "WhatsApp takes templates in the languages of a list. It refuses a template in another one, and fails messages in it.",
        in: ExampleSpecs.template.replacing("language: en", with: "language: …"),
        wrong: "en_UK",
        right: "en_GB"
    )

    public static let expiredOffer = DiagnosticCode(
        "C087",
        .warning,
        "offer in the past",
        "WhatsApp refuses messages with an offer whose time is over. A campaign that was sent may stay in the repository, so this "
            + "is no error.",
        in: ExampleSpecs.template.replacing("category: utility", with: "category: marketing")
            .replacing("body: Hi {{1}}", with: "body: Hi\noffer: { text: Ends soon! }\nbuttons: [{ type: copyCode }]")
            + "\n---\n"
            + ExampleSpecs.campaign(
                replacing: ExampleSpecs.freeText,
                with: "template: welcome\nparams: { button.0: SAVE10, offer.expires: \"…-12-01T20:00:00Z\" }"
            ),
        wrong: "2020",
        right: "2045"
    )

    public static let filterField = DiagnosticCode(
        "C030",
        .error,
        "unknown filter field",
        "Audiences filter by the fields of a contact, and by `metadata.<key>`.",
        in: ExampleSpecs.audience,
        wrong: "field: nam, operator: eq, value: Ann",
        right: "field: name, operator: eq, value: Ann"
    )

    public static let filterOperator = DiagnosticCode(
        "C031",
        .error,
        "operator not allowed",
        "Each type of field has its own operators.",
        in: ExampleSpecs.audience,
        wrong: "field: tags, operator: gt, value: vip",
        right: "field: tags, operator: contains, value: vip"
    )

    public static let filterValue = DiagnosticCode(
        "C032",
        .error,
        "filter value of the wrong type",
        "The value must fit the field and the operator.",
        in: ExampleSpecs.audience,
        wrong: "field: yearOfBirth, operator: lt, value: old",
        right: "field: yearOfBirth, operator: lt, value: 1960"
    )

    public static let filterRange = DiagnosticCode(
        "C033",
        .error,
        "range without values",
        "`between` takes two values of one type, the smaller one first; no value lies between others.",
        in: ExampleSpecs.audience,
        wrong: "field: yearOfBirth, operator: between, value: [1990, 1960]",
        right: "field: yearOfBirth, operator: between, value: [1960, 1990]"
    )

    public static let placeholder = DiagnosticCode(
        "C040",
        .error,
        "placeholder",
        "Placeholders are `{{name}}`, `{{metadata.company}}` or `{{context.amount}}`, with `|` before a default.",
        in: ExampleSpecs.campaign(replacing: "body: Hi", with: "body: \"Hi {{…}}\""),
        wrong: "nam",
        right: "name|there"
    )

    public static let missingParameter = DiagnosticCode(
        "C041",
        .error,
        "missing template parameter",
        "Each variable of the template needs a value in `params`.",
        in: ExampleSpecs.templateCampaign("template: welcome\nparams: { … }"),
        wrong: "",
        right: "\"1\": \"{{name|there}}\""
    )

    public static let superfluousParameter = DiagnosticCode(
        "C042",
        .error,
        "parameter without a variable",
        "The template has no variable of this name.",
        in: ExampleSpecs.templateCampaign("template: welcome\nparams: { … }"),
        wrong: "\"1\": \"{{name}}\", \"2\": Ann",
        right: "\"1\": \"{{name}}\""
    )

    public static let templateLimit = DiagnosticCode(
        "C043",
        .error,
        "limit of the WhatsApp API",
        "WhatsApp would refuse this template.",
        in: ExampleSpecs.template + "\nfooter: …",
        wrong: "\"Bye {{1}}\"",
        right: "Bye"
    )

    public static let messageShape = DiagnosticCode(
        "C044",
        .error,
        "message payload",
        "The message must have the shape that the WhatsApp API takes, without a recipient.",
        in: ExampleSpecs.campaign(
            replacing: ExampleSpecs.freeText,
            with: "message: { type: contacts, contacts: [ … ] }"
        ),
        wrong: "",
        right: "{ name: { formatted_name: Ann Lee, first_name: Ann } }"
    )

    public static let parameterText = DiagnosticCode(
        "C045",
        .warning,
        "text that WhatsApp refuses as a parameter",
        "A parameter of a template has no line breaks, no tabs and at most four spaces in a row, and is not empty. Messages "
            + "are sent with spaces in place of these, or fail with `templateText: strict`; one with an empty parameter fails.",
        in: ExampleSpecs.templateCampaign("template: welcome\nparams: { \"1\": \"…\" }"),
        wrong: "Ann\\nLee",
        right: "Ann Lee"
    )

    public static let templateExample = DiagnosticCode(
        "C093",
        .error,
        "variable without an example",
        "WhatsApp's reviewers see a text for each variable of a template. A template that belongs to an account is submitted, so "
            + "it needs them.",
        in: "\(ExampleSpecs.account)\n---\n"
            + ExampleSpecs.template.replacing("Hi {{1}}", with: "Dear {{1}}, welcome to our shop") + "…",
        wrong: "",
        right: "\nexamples: { \"1\": Ann }"
    )

    public static let templateReview = DiagnosticCode(
        "C094",
        .warning,
        "template that may be refused",
        "WhatsApp does not publish all rules of its reviews. Templates like this one were refused.",
        in: "\(ExampleSpecs.account)\n---\n"
            + ExampleSpecs.template.replacing("Hi {{1}}", with: "\"…\"") + "\nexamples: { \"1\": Ann }",
        wrong: "Dear {{1}}, hi",
        right: "Dear {{1}}, welcome to our shop"
    )

    public static let templateMessage = DiagnosticCode(
        "C095",
        .error,
        "message that does not fit its template",
        "A raw message of type `template` has the parameters that the template of that name has: as many, of the same types.",
        in: ExampleSpecs.template + "\n---\n"
            + ExampleSpecs.campaign(
                replacing: ExampleSpecs.freeText,
                with:
                    "message: { type: template, template: { name: welcome, language: { code: en }, components: [ … ] } }"
            ),
        wrong: "",
        right: "{ type: body, parameters: [ { type: text, text: Ann } ] }"
    )

    public static let templateLanguage = DiagnosticCode(
        "C096",
        .warning,
        "language that no spec has",
        "The tenant has specs of this template, in other languages only. WhatsApp fails messages in a language in which the "
            + "template does not exist.",
        in: ExampleSpecs.template.replacing(" {{1}}", with: "") + "\n---\n"
            + ExampleSpecs.campaign(
                replacing: ExampleSpecs.freeText,
                with: "message: { type: template, template: { name: welcome, language: { code: … } } }"
            ),
        wrong: "sw",
        right: "en"
    )

    public static let parameterValue = DiagnosticCode(
        "C097",
        .error,
        "value of a template parameter",
        "Files are links or ids, places are degrees, and offers end at a time with its zone.",
        in: ExampleSpecs.template.replacing("body: Hi {{1}}", with: "header: { image: true }\nbody: Hi") + "\n---\n"
            + ExampleSpecs.campaign(
                replacing: ExampleSpecs.freeText,
                with: "template: welcome\nparams: { header.link: \"…\" }"
            ),
        wrong: "spring.jpg",
        right: "https://shop.example/spring.jpg"
    )
}
