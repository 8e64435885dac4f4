internal import YAML

/// The warnings that count as errors, and those that are left out.
///
/// A named code takes precedence over ``deniesWarnings``, so that `deniesWarnings` with `allowed: [.ambiguousScalar]`
/// denies all the others. Errors stay errors whatever the policy says.
public struct DiagnosticPolicy: Hashable, Sendable {
    /// Warnings that count as errors.
    public var denied: Set<DiagnosticCode>
    /// Warnings that are left out.
    public var allowed: Set<DiagnosticCode>
    /// True if every warning that is not allowed counts as an error.
    public var deniesWarnings: Bool

    /// Makes a policy; without arguments, one that changes nothing.
    public init(
        denied: Set<DiagnosticCode> = [],
        allowed: Set<DiagnosticCode> = [],
        deniesWarnings: Bool = false
    ) {
        self.denied = denied
        self.allowed = allowed
        self.deniesWarnings = deniesWarnings
    }

    /// Returns the diagnostics in the same order, without the allowed ones and with the denied ones as errors.
    public func apply(to diagnostics: [Diagnostic]) -> [Diagnostic] {
        diagnostics.compactMap { diagnostic in
            guard diagnostic.severity == .warning else { return diagnostic }
            if denied.contains(diagnostic.code) { return diagnostic.asError }
            if allowed.contains(diagnostic.code) { return nil }
            return deniesWarnings ? diagnostic.asError : diagnostic
        }
    }
}

/// A comment such as `# allow C075: everyone on this list wrote to us today`, with one code or several.
///
/// It applies to its own line or, if it has a line of its own, to the line below. A later reader of the file finds the
/// reason beside the allowed warning.
struct AllowComment {
    let code: DiagnosticCode
    let place: SourcePlace
    let subjectLine: Int

    /// Reads the comments of a file and reports the ones that allow nothing.
    static func read(_ comments: [YAMLComment], sink: DiagnosticSink) -> [AllowComment] {
        comments.flatMap { read($0, sink) }
    }

    private static func read(_ comment: YAMLComment, _ sink: DiagnosticSink) -> [AllowComment] {
        // Nearly every comment is prose, and checking its first word is cheaper than the whole pattern.
        let text = comment.text.drop(while: \.isWhitespace)
        guard text.prefix(5).lowercased() == "allow" else { return [] }
        // Prose may begin with the same word; only a word like a code behind it makes the comment a command.
        let list = /allow\s+(c\d+(?:(?:\s*,\s*|\s+)c\d+)*)(?:(?:\s*:\s*|\s+)(.*?))?\s*/.ignoresCase()
        guard let match = text.wholeMatch(of: list) else { return [] }
        let names = match.1.split { $0 == "," || $0.isWhitespace }.map { $0.uppercased() }
        return names.compactMap { read(code: $0, reason: match.2 ?? "", comment, sink) }
    }

    private static func read(
        code name: String,
        reason: Substring,
        _ comment: YAMLComment,
        _ sink: DiagnosticSink
    ) -> AllowComment? {
        guard let code = DiagnosticCode(rawValue: name) else {
            let help = "`reconcile explain` lists the codes"
            sink.report(.unknownAllowCode, at: comment.range, "there is no code `\(name)` to allow", help: help)
            return nil
        }
        guard code.severity == .warning else {
            let message = "`\(name)` is an error, and only warnings can be allowed"
            sink.report(.allowedError, at: comment.range, message, help: "remove the comment and mend the error")
            return nil
        }
        guard !reason.isEmpty else {
            let help = "write why: `# allow \(name): …`"
            sink.report(.allowWithoutReason, at: comment.range, "`\(name)` is allowed without a reason", help: help)
            return nil
        }
        let place = SourcePlace(file: sink.file, comment.range)
        return AllowComment(code: code, place: place, subjectLine: comment.subjectLine)
    }

    /// Removes the warnings that a comment allows, and adds one for each comment that allows nothing.
    static func apply(_ comments: [AllowComment], to diagnostics: [Diagnostic]) -> [Diagnostic] {
        guard !comments.isEmpty else { return diagnostics }
        var unused = Dictionary(comments.map { (Subject($0), [$0]) }, uniquingKeysWith: +)
        let allowed = Set(unused.keys)
        let left = diagnostics.filter { diagnostic in
            guard diagnostic.severity == .warning, allowed.contains(Subject(diagnostic)) else { return true }
            unused[Subject(diagnostic)] = nil
            return false
        }
        // With errors not every check was made, so a comment may only seem unused.
        guard !left.contains(where: { $0.severity == .error }) else { return left }
        return left + unused.values.joined().map(\.unusedDiagnostic)
    }

    private var unusedDiagnostic: Diagnostic {
        let message = "there is no `\(code.rawValue)` in line \(subjectLine) to allow"
        let help = "remove the comment, or move it to the line of the warning or right above"
        return Diagnostic(.unusedAllow, at: place, message, help: help)
    }

    /// A code in a line, which a comment allows and a diagnostic is looked up by.
    private struct Subject: Hashable {
        let file: String
        let line: Int
        let code: DiagnosticCode

        init(_ comment: AllowComment) {
            (file, line, code) = (comment.place.file, comment.subjectLine, comment.code)
        }

        init(_ diagnostic: Diagnostic) {
            (file, line, code) = (diagnostic.place.file, diagnostic.place.start.line, diagnostic.code)
        }
    }
}
