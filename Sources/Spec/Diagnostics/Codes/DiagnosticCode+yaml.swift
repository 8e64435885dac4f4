/// The text is not YAML, or not the YAML that every tool reads in the same way.
extension DiagnosticCode {
    static let yamlFamily = [
        syntax, encoding, tab, duplicateKey, mergeKey, nonStringKey, unknownTag, unknownAnchor, tooLarge,
        ambiguousScalar, conflictMarker,
    ]

    public static let syntax = DiagnosticCode(
        "C001",
        .error,
        "YAML syntax",
        "The text is not YAML. A value that starts with `{{`, `@` or `%`, or holds `: `, needs quotes.",
        in: "kind: Audience\nname: vips\nconditions: [{ field: name, operator: eq, value: … }]",
        wrong: "[",
        right: "Ann"
    )

    public static let encoding = DiagnosticCode(
        "C002",
        .error,
        "text encoding",
        "Spec files are UTF-8 without control characters."
    )

    public static let tab = DiagnosticCode(
        "C003",
        .error,
        "tab",
        "YAML does not allow tabs as indentation, and editors show them differently. Use spaces.",
        in: "kind: Audience\nname:…vips\nconditions: [{ field: tags, operator: is_null }]",
        wrong: "\t",
        right: " "
    )

    public static let duplicateKey = DiagnosticCode(
        "C004",
        .error,
        "duplicate key",
        "A mapping names each key once; otherwise one of the values is silently lost.",
        in: "\(ExampleSpecs.sender)\n…: 1",
        wrong: "name",
        right: "tier"
    )

    public static let mergeKey = DiagnosticCode(
        "C005",
        .error,
        "merge key",
        "`<<` belongs to YAML 1.1. Write the fields out, or use an anchor for the whole value.",
        in: "\(ExampleSpecs.sender)\n…",
        wrong: "<<: { tier: 2 }",
        right: "tier: 2"
    )

    public static let nonStringKey = DiagnosticCode(
        "C006",
        .error,
        "key that is not a string",
        "Keys such as `1` or `true` are not strings in YAML. Put them in quotes.",
        in: ExampleSpecs.templateCampaign("template: welcome") + "\nparams: { …: \"{{name|there}}\" }",
        wrong: "1",
        right: "\"1\""
    )

    public static let unknownTag = DiagnosticCode(
        "C007",
        .error,
        "unknown tag",
        "Only the tags of the core schema (`!!str`, `!!int`, …) are understood.",
        in: "\(ExampleSpecs.sender)\ntier: … 2",
        wrong: "!number",
        right: "!!int"
    )

    public static let unknownAnchor = DiagnosticCode(
        "C008",
        .error,
        "unknown anchor",
        "An alias `*x` needs an earlier `&x` in the same document.",
        in: "kind: Audience\nname: vips\nconditions: …",
        wrong: "*base",
        right: "&base [{ field: tags, operator: is_null }]"
    )

    public static let tooLarge = DiagnosticCode(
        "C009",
        .error,
        "too large",
        "A file has at most 1 MiB; a document at most 10,000 values, nested at most 64 deep."
    )

    public static let ambiguousScalar = DiagnosticCode(
        "C010",
        .warning,
        "plain scalar that YAML 1.1 reads differently",
        """
        `no`, `on`, `08:30` and `2024-01-01` are strings here, but other tools may read a boolean, a number or a date. \
        Quotes make it the same for all.
        """,
        in: ExampleSpecs.template.replacing("Hi {{1}}", with: "…"),
        wrong: "no",
        right: "\"no\""
    )

    public static let conflictMarker = DiagnosticCode(
        "C080",
        .error,
        "conflict marker",
        """
        `<<<<<<<` and `>>>>>>>` are left from a merge of two versions that was not finished; within a text they would be \
        sent to people. Decide between the versions, and remove the markers.
        """,
        in: ExampleSpecs.template.replacing("Hi {{1}}", with: "…"),
        wrong: "Hi <<<<<<< HEAD {{1}}",
        right: "Hi {{1}}"
    )
}
