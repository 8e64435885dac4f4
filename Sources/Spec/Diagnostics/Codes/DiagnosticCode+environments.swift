/// The codes for files beside the folder of the specs: values of environments, and prices.
extension DiagnosticCode {
    static let environmentFamily = [
        unknownEnvironmentValue, unusedEnvironmentValue, environmentNeeded, environmentReference, unpricedMarket,
    ]

    public static let unpricedMarket = DiagnosticCode(
        "C086",
        .warning,
        "market or currency without prices",
        "The prices in `rates` name markets, and calling codes lead to markets. A name on one side only is mostly misspelt. "
            + "So is a currency of an account. Messages to a market without a price count as nothing in estimates, and a launch of a tenant with `policy.maxCost` "
            + "is refused because of them."
    )

    public static let unknownEnvironmentValue = DiagnosticCode(
        "C081",
        .error,
        "value that the environment does not have",
        "A spec takes a value with `${name}`, and `environments/<environment>.yaml` beside the folder of the specs has no such name."
    )

    public static let unusedEnvironmentValue = DiagnosticCode(
        "C082",
        .warning,
        "value that no spec takes",
        "A value of an environment that no spec takes with `${name}` changes nothing, and may be a typing error."
    )

    public static let environmentNeeded = DiagnosticCode(
        "C083",
        .error,
        "environment needed",
        """
        The values of `${name}` depend on the environment: choose one with `--environment`, such as `--environment staging`. \
        In a text, `$${` means the characters `${`.
        """,
        in: "\(ExampleSpecs.sender)\nratePerSecond: …",
        wrong: "${rate}",
        right: "80"
    )

    public static let environmentReference = DiagnosticCode(
        "C084",
        .error,
        "reference to a value of an environment",
        """
        A value of an environment is written `${name}`, with letters, digits, `-` and `_` in the name. `kind`, `name` and \
        `renamedFrom` take none, because they are the same in every environment. `$${` means the characters `${`.
        """,
        in: ExampleSpecs.template.replacing("Hi {{1}}", with: "…"),
        wrong: "Hi {{1}}, you save ${",
        right: "Hi {{1}}, you save $${"
    )
}
