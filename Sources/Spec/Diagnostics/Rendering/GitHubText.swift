/// How text is written where GitHub reads it: in workflow commands, in Markdown, and in the files of a step.
///
/// What stands in a spec must not end up as a command, as HTML, or as another output.
public enum GitHubText {
    /// The text of a workflow command.
    public static func message(_ text: String) -> String {
        escape(text, alsoIn: [:])
    }

    /// The value of a property of a workflow command.
    public static func property(_ text: String) -> String {
        escape(text, alsoIn: [":": "%3A", ",": "%2C"])
    }

    /// Plain words in Markdown: nothing in them is markup, and a line break is a space; what stands between backticks
    /// becomes code.
    public static func markdown(_ text: String) -> String {
        let flat = String(text.map { $0.isNewline ? " " : $0 })
        let parts = flat.split(separator: "`", omittingEmptySubsequences: false)
        // Without its partner a backtick is one like any other character.
        guard parts.count % 2 == 1 else { return entities(flat) }
        return parts.enumerated()
            .map { index, part in index % 2 == 1 ? "<code>\(entities(part))</code>" : entities(part) }
            .joined()
    }

    /// One line or more for the file at `$GITHUB_OUTPUT`, ending in a newline.
    public static func output(_ name: String, _ value: String) -> String {
        guard value.contains(where: \.isNewline) else { return "\(name)=\(value)\n" }
        // Whoever could guess the end could add outputs of his own; a hash of the value cannot stand in the value.
        var end = "end-" + Fingerprint.hash([name, value])
        while value.contains(end) { end = "end-" + Fingerprint.hash([end, value]) }
        return "\(name)<<\(end)\n\(value)\n\(end)\n"
    }

    /// `2 errors, 1 warning`, without what there is none of.
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
