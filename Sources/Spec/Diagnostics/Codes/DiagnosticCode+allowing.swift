extension DiagnosticCode {
    /// The texts about comments that allow warnings, and about the number of findings.
    var allowTexts: (title: String, explanation: String)? {
        switch self {
        case .allowWithoutReason:
            (
                "warning allowed without a reason",
                "A comment `# allow C075: reason` leaves a warning out. The reason is for whoever reads the file next."
            )
        case .unknownAllowCode:
            ("unknown code in a comment", "A comment `# allow …` names the code of a warning, such as `C010`.")
        case .allowedError:
            ("error in a comment that allows", "Only warnings can be allowed: specs with errors cannot be applied.")
        case .unusedAllow:
            (
                "comment that allows nothing",
                "A comment `# allow …` speaks of its own line or, if it stands alone, of the line below; no warning with "
                    + "this code is there. A comment that stays behind would hide the next one."
            )
        case .tooManyFindings:
            (
                "too many findings",
                "After 1,000 findings in one file, the others are left out: most often they have the same cause."
            )
        default: nil
        }
    }
}
