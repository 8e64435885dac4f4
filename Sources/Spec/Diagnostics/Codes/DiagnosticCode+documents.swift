/// A document and its fields, and where its file is.
extension DiagnosticCode {
    static let documentFamily = [
        unknownKind, unknownField, missingField, wrongType, invalidValue, invalidName, misplacedFile, literalSecret,
        duplicateSpec, unknownReference, conflictingFields, unreadableFile,
    ]

    public static let unknownKind = DiagnosticCode(
        "C011",
        .error,
        "unknown kind",
        "Each document starts with `kind:` and one of the known kinds.",
        in: ExampleSpecs.sender.replacing("Sender", with: "…"),
        wrong: "Sendr",
        right: "Sender"
    )

    public static let unknownField = DiagnosticCode(
        "C012",
        .error,
        "unknown field",
        "Only the fields of the kind are allowed, so that a typing error cannot pass unseen.",
        in: "\(ExampleSpecs.sender)\n…: 80",
        wrong: "ratePersecond",
        right: "ratePerSecond"
    )

    public static let missingField = DiagnosticCode(
        "C013",
        .error,
        "missing field",
        "The kind needs this field.",
        in: "kind: Audience\nname: vips…",
        wrong: "",
        right: "\nconditions: [{ field: tags, operator: is_null }]"
    )

    public static let wrongType = DiagnosticCode(
        "C014",
        .error,
        "wrong type",
        "The field takes another type of value.",
        in: "\(ExampleSpecs.sender)\nratePerSecond: …",
        wrong: "fast",
        right: "80"
    )

    public static let invalidValue = DiagnosticCode(
        "C015",
        .error,
        "value not allowed",
        "The value is outside of what the field takes.",
        in: "\(ExampleSpecs.sender)\ntier: …",
        wrong: "5",
        right: "4"
    )

    public static let invalidName = DiagnosticCode(
        "C016",
        .error,
        "invalid name",
        "Names have 1 to 63 lower-case letters, digits and hyphens, and start with a letter or digit.",
        in: ExampleSpecs.sender.replacing("name: main", with: "name: …"),
        wrong: "Main",
        right: "main"
    )

    public static let misplacedFile = DiagnosticCode(
        "C018",
        .error,
        "file outside of a tenant",
        "Specs belong in `campaigns/<tenant>/`; the folder names the tenant."
    )

    public static let literalSecret = DiagnosticCode(
        "C019",
        .error,
        "secret in a spec",
        "A token in a file is known to everyone with access to the repository. Refer to it with `env:` or `file:`.",
        in: ExampleSpecs.sender.replacing("env:WHATSAPP_TOKEN", with: "…"),
        wrong: "EAAGm0PX4ZCpsBA",
        right: "env:WHATSAPP_TOKEN"
    )

    public static let duplicateSpec = DiagnosticCode(
        "C020",
        .error,
        "spec defined twice",
        "Tenant, kind and name together name one spec.",
        in: "\(ExampleSpecs.sender)\n---\n" + ExampleSpecs.sender.replacing("name: main", with: "name: …"),
        wrong: "main",
        right: "second"
    )

    public static let unknownReference = DiagnosticCode(
        "C021",
        .error,
        "unknown reference",
        "The named spec does not exist in this tenant.",
        in: ExampleSpecs.campaign(replacing: "sender: main", with: "sender: …"),
        wrong: "mian",
        right: "main"
    )

    public static let conflictingFields = DiagnosticCode(
        "C022",
        .error,
        "fields that exclude each other",
        "Only one of these fields can be given.",
        in: "\(ExampleSpecs.sender)\n…",
        wrong: "tier: 1\ndailyLimit: 250",
        right: "dailyLimit: 250"
    )

    public static let unreadableFile = DiagnosticCode(
        "C023",
        .error,
        "unreadable file",
        """
        A file that is left out looks like a deleted spec, so nothing is applied until each entry that could hold specs \
        can be read: files and folders without permission, links that lead to nothing, in a circle or out of the folder, \
        linked folders, pipes and devices, folders more than 16 deep, and names such as `a.YAML` or `a.yaml.txt`.
        """
    )
}
