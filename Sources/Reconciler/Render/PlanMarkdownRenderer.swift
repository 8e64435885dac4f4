import Spec
import Spelling

/// Writes plans as a comment on a pull request: a complete summary, then as many changes as fit.
///
/// Platforms refuse a comment that is too long, so changes that do not fit are left out and counted.
public struct PlanMarkdownRenderer: Sendable {
    /// The maximum length of a comment on GitHub.
    ///
    /// It is counted in bytes here, which are never fewer than characters.
    public static let commentLimit = 65_536

    /// The maximum number of refusals and of warnings to list; the rest is counted.
    private static let listLength = 20
    /// The maximum number of lines of one change.
    private static let detailLength = 40
    /// The maximum length of a line or note; longer ones are cut.
    private static let lineLength = 300

    private let limit: Int

    /// Makes a renderer.
    ///
    /// - Parameter limit: The maximum number of bytes; at least 16,384, so that the summary fits.
    public init(limit: Int = commentLimit) {
        self.limit = max(limit, 16_384)
    }

    /// Writes a plan and the rules that block it, ending in a newline.
    public func text(_ plan: Plan, refusals: [SafetyRefusal] = []) -> String {
        let head = summary(plan, refusals)
        let foot = "\nDigest: `\(plan.digest)`\n"
        guard !plan.isEmpty else { return head + foot }
        var details = ""
        var written = 0
        // Room for the notice is reserved, because only the end shows whether it is needed.
        let room = limit - head.utf8.count - foot.utf8.count - Self.notice(leftOut: plan.changes.count).utf8.count
        for change in plan.changes {
            let next = detail(change)
            guard details.utf8.count + next.utf8.count <= room else { break }
            details += next
            written += 1
        }
        let leftOut = plan.changes.count - written
        return head + details + (leftOut > 0 ? Self.notice(leftOut: leftOut) : "") + foot
    }

    private static func notice(leftOut: Int) -> String {
        "\n*\(NumberText.count(leftOut, "more change")) did not fit here; "
            + "`reconcile --dry-run --full` shows all.*\n"
    }

    private func summary(_ plan: Plan, _ refusals: [SafetyRefusal]) -> String {
        guard !plan.isEmpty else {
            let remarks = plan.accountLines.isEmpty ? "" : "\n" + list(plan.accountLines.map(Self.escaped))
            return "### Campaigns: no changes\n\n\(plan.upToDate).\n" + remarks
        }
        var text = "### Campaigns: \(plan.counts)\n"
        if !refusals.isEmpty {
            text += "\n**Blocked: nothing is applied until this is fixed or allowed.**\n\n"
            text += list(refusals.map { "\(Self.escaped($0.reason)); to allow it: \(Self.code($0.flag))" })
        }
        let warnings = plan.changes.compactMap { change in
            change.impact?.warning.map { "\(Self.code(change.identity.description)): \(Self.escaped($0))" }
        }
        if !warnings.isEmpty { text += "\n**Warnings**\n\n" + list(warnings) }
        text += plan.remarks.isEmpty ? "" : "\n" + list(plan.remarks.map(Self.escaped))
        return text + "\n"
    }

    private func list(_ lines: [String]) -> String {
        var text = lines.prefix(Self.listLength).map { "- \($0)\n" }.joined()
        if lines.count > Self.listLength { text += "- … and \((lines.count - Self.listLength).grouped) more\n" }
        return text
    }

    private func detail(_ change: PlannedChange) -> String {
        var heading = "\(change.sign) \(change.identity)"
        if let impact = change.impact { heading += " · \(impact.words)" }
        let fires = change.fireTimes?.lines.map { "\($0.sign) fires \($0.text)" } ?? []
        let lines = Self.short(PlanLines.differences(of: change).flatMap(Self.lines) + fires)
        let quota = (change.impact?.quotaWords).map { ["quota: \($0)"] } ?? []
        let notes = (quota + change.notes).map { "\n\(Self.escaped($0))\n" }.joined()
        guard !lines.isEmpty else { return "- \(Self.code(heading))\n" + notes }
        let body = lines.joined(separator: "\n")
        let fence = Self.fence(around: body)
        let summary = "<summary>\(Self.code(heading))</summary>"
        return "\n<details>\(summary)\n\n\(fence)diff\n\(body)\n\(fence)\n\(notes)\n</details>\n\n"
    }

    /// Cuts the lines of a change, so that one change does not displace all others.
    private static func short(_ lines: [String]) -> [String] {
        let cut = lines.prefix(detailLength).map { line in
            line.unicodeScalars.count > lineLength ? String(line.unicodeScalars.prefix(lineLength)) + "…" : line
        }
        let leftOut = lines.count - cut.count
        return leftOut > 0 ? cut + ["… and \(leftOut.grouped) more lines"] : cut
    }

    private static func lines(_ difference: FieldDifference) -> [String] {
        let drift = difference.isDrift ? "  (changed by hand)" : ""
        let path = PlanLines.harmless(difference.path)
        return [
            difference.before.map { "- \(path): \(PlanLines.value($0, isFull: false))\(drift)" },
            difference.after.map { "+ \(path): \(PlanLines.value($0, isFull: false))" },
        ]
        .compactMap(\.self)
    }

    /// Returns a fence that is longer than any run of backticks in the text.
    private static func fence(around text: String) -> String {
        var (longest, run) = (0, 0)
        for byte in text.utf8 {
            run = byte == UInt8(ascii: "`") ? run + 1 : 0
            longest = max(longest, run)
        }
        return String(repeating: "`", count: max(3, longest + 1))
    }

    /// Writes text as code, in an HTML element because a code span would end at the next backtick.
    private static func code(_ text: String) -> String { "<code>\(escaped(text))</code>" }

    /// Escapes text so that nothing in it can become markup, a mention or a link.
    private static func escaped(_ text: String) -> String {
        let short = text.unicodeScalars.prefix(lineLength)
        let cut = short.count < text.unicodeScalars.count ? "…" : ""
        var safe = ""
        for scalar in PlanLines.harmless(String(short) + cut).unicodeScalars {
            switch scalar {
            case "<", ">", "&", "\"", "'", "@", "#", "*", "_", "[", "]", "|", "\\", "`", "$", "!":
                safe += "&#\(scalar.value);"
            default: safe.unicodeScalars.append(scalar)
            }
        }
        return safe
    }
}
