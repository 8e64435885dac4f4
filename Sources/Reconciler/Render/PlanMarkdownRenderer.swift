public import Spec
import Spelling
import Store

/// Writes plans as a comment on a pull request: a complete summary, then as many changes as fit.
///
/// Platforms refuse a comment that is too long, so changes that do not fit are left out and counted.
public struct PlanMarkdownRenderer: Sendable {
    /// The maximum length of a plan in a comment on GitHub: 65,536 less room for what a pipeline adds around it.
    ///
    /// It is counted in bytes here, which are never fewer than characters.
    public static let commentLimit = 65_000

    /// The maximum number of refusals and of warnings to list; the rest is counted.
    private static let listLength = 20
    /// The maximum number of lines of one change.
    private static let detailLength = 40
    /// The maximum number of bytes of one change, so that it does not displace all others.
    private static let detailSize = 12_000
    /// The maximum length of a refusal, remark or note; longer ones are cut.
    private static let lineLength = 300

    private let limit: Int
    private let isFull: Bool

    /// Makes a renderer.
    ///
    /// - Parameters:
    ///   - limit: The maximum number of bytes; at least 16,384, so that the summary fits.
    ///   - isFull: True to write the content of creates and deletes too, and all values and lists in full.
    public init(limit: Int = commentLimit, isFull: Bool = false) {
        self.limit = max(limit, 16_384)
        self.isFull = isFull
    }

    /// Writes a plan, the rules that block it, and the limits that are stored with it, ending in a newline.
    public func text(_ plan: Plan, refusals: [SafetyRefusal] = [], allowing grants: [PolicyGrant] = []) -> String {
        let head = summary(plan, refusals, grants)
        let foot = "\nDigest: `\(plan.digest)`\n"
        guard !plan.isEmpty else { return head + foot }
        var details = ""
        var (written, writtenTemplates) = (0, 0)
        // Room for the notice is reserved, because only the end shows whether it is needed.
        let most = plan.changes.count + plan.submissions.count
        let room = limit - head.utf8.count - foot.utf8.count - Self.notice(leftOut: most).utf8.count
        let heirs = plan.heirs
        let shown = plan.changes.filter { isFull || !$0.isInherited }
        for change in shown {
            let next = detail(change, heirs[change.identity] ?? [])
            guard details.utf8.count + next.utf8.count <= room else { break }
            details += next
            written += 1
        }
        for template in plan.submissions {
            let next = detail(template)
            guard details.utf8.count + next.utf8.count <= room else { break }
            details += next
            writtenTemplates += 1
        }
        let leftOut = shown.count - written + plan.submissions.count - writtenTemplates
        return head + details + (leftOut > 0 ? Self.notice(leftOut: leftOut) : "") + foot
    }

    private static func notice(leftOut: Int) -> String {
        "\n*\(NumberText.count(leftOut, "more change")) did not fit here; "
            + "`reconcile --dry-run --full` shows all.*\n"
    }

    private func summary(_ plan: Plan, _ refusals: [SafetyRefusal], _ grants: [PolicyGrant]) -> String {
        let allowed = grants.isEmpty ? "" : "\n" + list(grants.map { "allowed with this plan: \(code("\($0)"))" })
        guard !plan.isEmpty else {
            let lines = plan.accountLines.map(escaped) + templateRemarks(plan)
            return "### Campaigns: no changes\n\n\(plan.upToDate).\n" + (lines.isEmpty ? "" : "\n" + list(lines))
                + allowed
        }
        var text = "### Campaigns: \(plan.counts)\n"
        if !refusals.isEmpty {
            text += "\n**Blocked: nothing is applied until this is fixed or allowed.**\n\n"
            text += list(
                refusals.map { refusal in
                    "\(escaped(refusal.reason)); to allow it: \(code(refusal.flag)) "
                        + "(\(code("reconcile explain \(refusal.code)")))"
                }
            )
        }
        let warnings = plan.changes.flatMap { change in
            change.warnings.map { "\(code(change.identity.description)): \(escaped($0))" }
        }
        if !warnings.isEmpty { text += "\n**Warnings**\n\n" + list(warnings) }
        let remarks = plan.remarks.map(escaped) + templateRemarks(plan)
        text += remarks.isEmpty ? "" : "\n" + list(remarks)
        return text + allowed + "\n"
    }

    /// Returns the remarks on templates at WhatsApp that stay as they are.
    private func templateRemarks(_ plan: Plan) -> [String] {
        plan.templates.filter { $0.action == .none }.flatMap { template in
            template.remarks.map { "at WhatsApp, \(code(template.subject)): \(escaped($0.text))" }
        }
    }

    private func detail(_ template: PlannedTemplate) -> String {
        let heading = "\(template.sign) at WhatsApp: \(template.subject)"
        let lines = short(PlanLines.shown(template.fieldDifferences, isFull: isFull).flatMap(Self.lines))
        let notes = ([template.words] + template.remarks.map(\.text)).map { "\n\(escaped($0))\n" }.joined()
        guard !lines.isEmpty else { return "- \(code(heading))\n" + notes }
        let body = lines.joined(separator: "\n")
        let fence = Self.fence(around: body)
        return
            "\n<details><summary>\(code(heading))</summary>\n\n\(fence)diff\n\(body)\n\(fence)\n\(notes)\n</details>\n\n"
    }

    private func list(_ lines: [String]) -> String {
        let length = isFull ? lines.count : Self.listLength
        var text = lines.prefix(length).map { "- \($0)\n" }.joined()
        if lines.count > length { text += "- … and \((lines.count - length).grouped) more\n" }
        return text
    }

    private func detail(_ change: PlannedChange, _ heirs: [PlannedChange]) -> String {
        var heading = "\(change.sign) \(change.identity)"
        if let impact = change.impact { heading += " · \(impact.words)" }
        let fires = change.fireTimes?.lines.map { "\($0.sign) fires \($0.text)" } ?? []
        let differences = PlanLines.differences(of: change, isFull: isFull)
        let lines = short(PlanLines.shown(differences, isFull: isFull).flatMap(Self.lines) + fires)
        let quota = (change.impact?.quotaWords).map { ["quota: \($0)"] } ?? []
        let cost = (change.impact?.cost?.words ?? change.eventCost?.words).map { ["cost: \($0)"] } ?? []
        let languages = (change.impact?.languages?.words).map { ["languages: \($0)"] } ?? []
        let origins = change.inheritedFrom.map { "inherited from \($0)" }
        let notes = (quota + cost + languages + change.notes + origins + HeirLines(heirs, isFull: isFull).lines).map {
            "\n\(escaped($0))\n"
        }.joined()
        guard !lines.isEmpty else { return "- \(code(heading))\n" + notes }
        let body = lines.joined(separator: "\n")
        let fence = Self.fence(around: body)
        let summary = "<summary>\(code(heading))</summary>"
        return "\n<details>\(summary)\n\n\(fence)diff\n\(body)\n\(fence)\n\(notes)\n</details>\n\n"
    }

    /// Leaves out the last lines of a long change, so that it does not displace all others.
    ///
    /// Lines are never cut, because that could hide how two values differ.
    private func short(_ lines: [String]) -> [String] {
        guard !isFull else { return lines }
        var size = 0
        let kept = lines.prefix(Self.detailLength).prefix { line in
            size += line.utf8.count + 1
            return size <= Self.detailSize
        }
        let leftOut = lines.count - kept.count
        return leftOut > 0 ? kept + ["… and \(NumberText.count(leftOut, "more line"))"] : Array(kept)
    }

    private static func lines(_ difference: ShownDifference) -> [String] {
        let drift = difference.isDrift ? "  (changed by hand)" : ""
        guard !difference.isBlock else {
            let rest = difference.leftOut > 0 ? ["  … \(NumberText.count(difference.leftOut, "more line"))"] : []
            return ["@@ \(difference.path) @@\(drift)"]
                + difference.lines.map { "\($0.sign.rawValue) \($0.marked)" } + rest
        }
        return difference.lines.map { line in
            "\(line.sign.rawValue) \(difference.path): \(line.plain)" + (line.sign == .removed ? drift : "")
        }
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
    private func code(_ text: String) -> String { "<code>\(escaped(text))</code>" }

    /// Escapes text so that nothing in it can become markup, a mention or a link.
    private func escaped(_ text: String) -> String {
        let short = text.unicodeScalars.prefix(isFull ? Int.max : Self.lineLength)
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
