/// Comments that allow warnings, and the number of findings.
extension DiagnosticCode {
    static let commentFamily = [allowWithoutReason, unknownAllowCode, allowedError, unusedAllow, tooManyFindings]

    public static let allowWithoutReason = DiagnosticCode(
        "C024",
        .error,
        "warning allowed without a reason",
        "A comment `# allow C075: reason` leaves a warning out. The reason is for the next reader of the file.",
        in: ExampleSpecs.campaign(type: "…"),
        wrong: "event_triggered  # allow C074",
        right: "event_triggered  # allow C074: started by hand"
    )

    public static let unknownAllowCode = DiagnosticCode(
        "C025",
        .error,
        "unknown code in a comment",
        "A comment `# allow …` names the code of a warning, such as `C010`.",
        in: ExampleSpecs.campaign(type: "…"),
        wrong: "manual  # allow C999: known",
        right: "manual"
    )

    public static let allowedError = DiagnosticCode(
        "C026",
        .error,
        "error in a comment that allows",
        "Only warnings can be allowed: specs with errors cannot be applied.",
        in: ExampleSpecs.campaign(type: "…"),
        wrong: "manul  # allow C015: known",
        right: "manual"
    )

    public static let unusedAllow = DiagnosticCode(
        "C027",
        .warning,
        "comment that allows nothing",
        """
        A comment `# allow …` applies to its own line or, if it has a line of its own, to the line below; no warning with this \
        code is there. A comment that stays behind would hide the next one.
        """,
        in: ExampleSpecs.campaign(type: "…"),
        wrong: "manual  # allow C074: not needed any more",
        right: "manual"
    )

    public static let tooManyFindings = DiagnosticCode(
        "C028",
        .warning,
        "too many findings",
        "After 1,000 findings in one file, the others are left out: most often they have the same cause."
    )
}
