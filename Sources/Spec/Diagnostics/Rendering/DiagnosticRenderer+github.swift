extension DiagnosticRenderer {
    /// The number of annotations of one type that GitHub shows for a step.
    private static let annotationsPerType = 10
    /// The maximum size of a summary: half of the 1 MiB that GitHub accepts, which leaves space for a plan.
    private static let summaryBytes = 1 << 19

    /// Writes diagnostics for a step of a GitHub workflow: at most ten errors and ten warnings as annotations, errors
    /// first, and all of them in the summary of the step.
    public func github(_ diagnostics: [Diagnostic]) -> GitHubReport {
        let errors = diagnostics.filter { $0.severity == .error }
        let warnings = diagnostics.filter { $0.severity == .warning }
        let shown = errors.prefix(Self.annotationsPerType) + warnings.prefix(Self.annotationsPerType)
        var annotations = shown.map { annotation($0) + "\n" }.joined()
        if shown.count < diagnostics.count {
            let more = diagnostics.count - shown.count
            annotations += "::notice title=reconcile::\(more) more in the summary of this step\n"
        }
        return GitHubReport(
            annotations: annotations,
            stepSummary: markdown(diagnostics, limit: Self.summaryBytes),
            outputs: [
                ("valid", errors.isEmpty ? "true" : "false"),
                ("errors", String(errors.count)),
                ("warnings", String(warnings.count)),
            ]
        )
    }

    private func annotation(_ diagnostic: Diagnostic) -> String {
        let (start, end) = (diagnostic.place.start, diagnostic.place.end)
        let lastLine = diagnostic.place.lastLine
        var properties = [
            ("title", diagnostic.code.rawValue),
            ("file", paths.relative(diagnostic.place.file)),
            ("line", String(start.line)),
            ("endLine", String(lastLine)),
        ]
        // Columns of different lines make GitHub ignore the range.
        if start.line == end.line {
            properties += [("col", String(start.column)), ("endColumn", String(end.column))]
        }
        var message = diagnostic.message
        if let related = diagnostic.related { message += "\n\(name(related.place)): \(related.label)" }
        if let help = diagnostic.help { message += "\nhelp: \(help)" }
        let list = properties.map { "\($0.0)=\(GitHubText.property($0.1))" }.joined(separator: ",")
        return "::\(diagnostic.severity.rawValue) \(list)::\(GitHubText.message(message))"
    }

    /// Writes diagnostics as a table in Markdown, errors first.
    ///
    /// - Parameters:
    ///   - diagnostics: The diagnostics to write.
    ///   - limit: The maximum number of bytes; diagnostics that do not fit are only counted.
    /// - Returns: The text; empty without diagnostics.
    public func markdown(_ diagnostics: [Diagnostic], limit: Int) -> String {
        guard !diagnostics.isEmpty else { return "" }
        let errors = diagnostics.count { $0.severity == .error }
        let counts = GitHubText.counts(errors: errors, warnings: diagnostics.count - errors)
        let sorted = diagnostics.filter { $0.severity == .error } + diagnostics.filter { $0.severity == .warning }
        var text = "### Specs: \(counts)\n\n| | Code | Place | What |\n|---|---|---|---|\n"
        // Room for the line that counts what was left out.
        let closing = "\n" + Self.closing(diagnostics) + "\n"
        let room = limit - 64 - closing.utf8.count
        for (index, diagnostic) in sorted.enumerated() {
            let row = row(diagnostic)
            guard text.utf8.count + row.utf8.count <= room else {
                return text + closing + "\n… and \(sorted.count - index) more.\n"
            }
            text += row
        }
        return text + closing
    }

    private func row(_ diagnostic: Diagnostic) -> String {
        var what = GitHubText.markdown(diagnostic.message)
        if let related = diagnostic.related {
            what += "<br>" + GitHubText.markdown("\(name(related.place)): \(related.label)")
        }
        if let help = diagnostic.help { what += "<br>help: " + GitHubText.markdown(help) }
        let place = GitHubText.markdown(name(diagnostic.place))
        return "| \(diagnostic.severity.rawValue) | \(diagnostic.code.rawValue) | \(place) | \(what) |\n"
    }

    private func name(_ place: SourcePlace) -> String {
        "\(paths.relative(place.file)):\(place.start.line):\(place.start.column)"
    }
}

/// A reason why a plan is refused, for people who review it.
public struct PlanFinding: Hashable, Sendable {
    /// The code of the rule, such as `protectedDelete`.
    public let code: String
    /// The reason, and what allows it.
    public let message: String
    /// The place of the spec; `nil` if it is deleted, or if the reason is about a tenant.
    public let place: SourcePlace?
    /// The file or folder to name without a place.
    public let file: String

    public init(code: String, message: String, place: SourcePlace?, file: String) {
        (self.code, self.message, self.place, self.file) = (code, message, place, file)
    }
}

extension DiagnosticRenderer {
    /// Writes why there is no plan, or why it is refused, as annotations of a step of a GitHub workflow.
    ///
    /// - Parameters:
    ///   - findings: Reasons of a refusal: ten at most become annotations, the rest is counted.
    ///   - failure: The error that ended the command.
    /// - Returns: Workflow commands, each ending in a newline.
    public func annotations(_ findings: [PlanFinding], failure: String?) -> String {
        var text = findings.prefix(Self.annotationsPerType).map { finding in
            var properties = [("title", finding.code), ("file", paths.relative(finding.place?.file ?? finding.file))]
            if let place = finding.place { properties.append(("line", String(place.start.line))) }
            let list = properties.map { "\($0.0)=\(GitHubText.property($0.1))" }.joined(separator: ",")
            return "::error \(list)::\(GitHubText.message(finding.message))\n"
        }
        .joined()
        if findings.count > Self.annotationsPerType {
            let more = findings.count - Self.annotationsPerType
            text += "::notice title=reconcile::\(more) more in the summary of this step\n"
        }
        if let failure { text += "::error title=reconcile::\(GitHubText.message(failure))\n" }
        return text
    }
}

/// Diagnostics in the forms that a step of a GitHub workflow writes.
public struct GitHubReport: Sendable {
    /// Workflow commands for standard output, each ending in a newline.
    public let annotations: String
    /// Markdown for the file at `$GITHUB_STEP_SUMMARY`; empty if there is nothing to tell.
    public let stepSummary: String
    /// Variables for the file at `$GITHUB_OUTPUT`: `valid`, `errors` and `warnings`.
    public let outputs: [(name: String, value: String)]
}

/// Escapes text for GitHub: for workflow commands, Markdown, and the output files of a step.
///
/// Text of a spec must not become a command, HTML, or another output.
public enum GitHubText {
    /// Escapes the text of a workflow command.
    public static func message(_ text: String) -> String {
        escape(text, alsoIn: [:])
    }

    /// Escapes the value of a property of a workflow command.
    public static func property(_ text: String) -> String {
        escape(text, alsoIn: [":": "%3A", ",": "%2C"])
    }

    /// Escapes plain text for Markdown: a line break becomes a space, and text between backticks becomes code.
    public static func markdown(_ text: String) -> String {
        let flat = String(text.map { $0.isNewline ? " " : $0 })
        let parts = flat.split(separator: "`", omittingEmptySubsequences: false)
        // A backtick without a partner is an ordinary character.
        guard parts.count % 2 == 1 else { return entities(flat) }
        return parts.enumerated()
            .map { index, part in index % 2 == 1 ? "<code>\(entities(part))</code>" : entities(part) }
            .joined()
    }

    /// Writes one line or more for the file at `$GITHUB_OUTPUT`, ending in a newline.
    public static func output(_ name: String, _ value: String) -> String {
        guard value.contains(where: \.isNewline) else { return "\(name)=\(value)\n" }
        // A spec that could guess the end marker could add outputs; a hash of the value cannot be part of the value.
        var end = "end-" + Fingerprint.hash([name, value])
        while value.contains(end) { end = "end-" + Fingerprint.hash([end, value]) }
        return "\(name)<<\(end)\n\(value)\n\(end)\n"
    }

    /// Writes `2 errors, 1 warning`, without a severity that has none.
    static func counts(errors: Int, warnings: Int) -> String {
        [(errors, "error"), (warnings, "warning")]
            .filter { $0.0 > 0 }
            .map { "\($0.0) \($0.1)\($0.0 == 1 ? "" : "s")" }
            .joined(separator: ", ")
    }

    private static func escape(_ text: String, alsoIn more: [Unicode.Scalar: String]) -> String {
        var safe = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "%": safe += "%25"
            case "\r": safe += "%0D"
            case "\n": safe += "%0A"
            default: safe += more[scalar] ?? TerminalText.harmless(String(scalar))
            }
        }
        return safe
    }

    private static func entities(_ text: some StringProtocol) -> String {
        var safe = ""
        for scalar in TerminalText.harmless(String(text)).unicodeScalars {
            switch scalar {
            case "&", "<", ">", "\"", "'", "|", "`", "*", "_", "[", "]", "~", "\\", "$", "@", "#", "!":
                safe += "&#\(scalar.value);"
            default: safe.unicodeScalars.append(scalar)
            }
        }
        return safe
    }
}
