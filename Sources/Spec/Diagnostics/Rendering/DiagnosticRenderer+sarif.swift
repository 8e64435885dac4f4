public import JSON

extension DiagnosticRenderer {
    /// Writes diagnostics as SARIF 2.1.0, which code scanning reads.
    ///
    /// A result keeps its fingerprint when lines move. The fingerprint is made of the code, the file, the text of the
    /// line, and the number of equal results before it in the file.
    ///
    /// - Parameters:
    ///   - diagnostics: The diagnostics to write: all of them, also those that other formats leave out.
    ///   - findings: Reasons why the plan is refused; each is an error.
    ///   - failure: The error that ended the command, if it is about neither specs nor plan.
    ///   - toolVersion: The version of the command, such as `1.2.0`.
    /// - Returns: The log, with one run.
    public func sarif(
        _ diagnostics: [Diagnostic],
        findings: [PlanFinding] = [],
        failure: String? = nil,
        toolVersion: String
    ) -> JSONValue {
        var seen: [String: Int] = [:]
        var results = diagnostics.map { diagnostic -> JSONValue in
            let hash = lineHash(diagnostic)
            let occurrence = seen[hash, default: 0] + 1
            seen[hash] = occurrence
            return result(diagnostic, fingerprint: "\(hash):\(occurrence)")
        }
        results += findings.map(result)
        let codes = findings.reduce(into: [String]()) { if !$0.contains($1.code) { $0.append($1.code) } }
        let driver: JSONValue = [
            "name": "reconcile",
            "version": .string(toolVersion),
            "semanticVersion": .string(toolVersion),
            "rules": .array(DiagnosticCode.allCases.map(rule) + codes.map(Self.rule)),
        ]
        let run: JSONValue = [
            "tool": ["driver": driver],
            "columnKind": "unicodeCodePoints",
            "invocations": [Self.invocation(failure)],
            "results": .array(results),
        ]
        return [
            "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
            "version": "2.1.0",
            "runs": [run],
        ]
    }

    private static func invocation(_ failure: String?) -> JSONValue {
        guard let failure else { return ["executionSuccessful": true] }
        return [
            "executionSuccessful": false,
            "toolExecutionNotifications": [["level": "error", "message": ["text": .string(failure)]]],
        ]
    }

    /// Describes a safety rule of plans.
    private static func rule(_ code: String) -> JSONValue {
        [
            "id": .string(code),
            "shortDescription": ["text": .string("safety rule \(code)")],
            "defaultConfiguration": ["level": "error"],
            "properties": ["tags": ["plan"], "problem.severity": "error"],
        ]
    }

    private func result(_ finding: PlanFinding) -> JSONValue {
        var physical = location(paths.relative(finding.place?.file ?? finding.file))
        if let place = finding.place { physical["region"] = region(place) }
        return [
            "ruleId": .string(finding.code),
            "level": "error",
            "message": ["text": .string(finding.message)],
            "locations": [["physicalLocation": .object(physical)]],
            "partialFingerprints": [
                "primaryLocationLineHash": .string(Fingerprint.hash([finding.code, finding.message]) + ":1")
            ],
        ]
    }

    private func rule(_ code: DiagnosticCode) -> JSONValue {
        [
            "id": .string(code.rawValue),
            "shortDescription": ["text": .string(code.title)],
            "fullDescription": ["text": .string(code.explanation)],
            "help": ["text": .string(code.helpText), "markdown": .string(code.helpMarkdown)],
            "defaultConfiguration": ["level": .string(code.severity.rawValue)],
            "properties": ["tags": ["specs"], "problem.severity": .string(code.severity.rawValue)],
        ]
    }

    private func result(_ diagnostic: Diagnostic, fingerprint: String) -> JSONValue {
        var text = diagnostic.message
        if let help = diagnostic.help { text += "\nhelp: \(help)" }
        var result: [String: JSONValue] = [
            "ruleId": .string(diagnostic.code.rawValue),
            "level": .string(diagnostic.severity.rawValue),
            "message": ["text": .string(text)],
            "locations": [["physicalLocation": location(diagnostic.place)]],
            "partialFingerprints": ["primaryLocationLineHash": .string(fingerprint)],
        ]
        if let fix = diagnostic.fix { result["fixes"] = [self.fix(fix)] }
        if let index = Self.ruleIndices[diagnostic.code] { result["ruleIndex"] = .integer(index) }
        if let related = diagnostic.related {
            result["relatedLocations"] = [
                [
                    "id": 1,
                    "message": ["text": .string(related.label)],
                    "physicalLocation": location(related.place),
                ]
            ]
        }
        return .object(result)
    }

    private func fix(_ fix: Diagnostic.Fix) -> JSONValue {
        let location = location(fix.place)
        let replacement: JSONValue = [
            "deletedRegion": location["region"] ?? .null, "insertedContent": ["text": .string(fix.replacement)],
        ]
        let change: JSONValue = [
            "artifactLocation": location["artifactLocation"] ?? .null, "replacements": [replacement],
        ]
        return ["description": ["text": .string(fix.description)], "artifactChanges": [change]]
    }

    private static let ruleIndices = Dictionary(
        uniqueKeysWithValues: DiagnosticCode.allCases.enumerated().map { ($1, $0) }
    )

    private func location(_ place: SourcePlace) -> JSONValue {
        .object(location(paths.relative(place.file)).merging(["region": region(place)]) { $1 })
    }

    private func location(_ path: String) -> [String: JSONValue] {
        var artifact: [String: JSONValue] = ["uri": .string(URIText.reference(to: path))]
        if !path.hasPrefix("/") { artifact["uriBaseId"] = "%SRCROOT%" }
        return ["artifactLocation": .object(artifact)]
    }

    private func region(_ place: SourcePlace) -> JSONValue {
        [
            "startLine": .integer(place.start.line),
            "startColumn": .integer(place.start.column),
            "endLine": .integer(place.end.line),
            "endColumn": .integer(place.end.column),
        ]
    }

    private func lineHash(_ diagnostic: Diagnostic) -> String {
        let line = line(diagnostic.place.start.line, of: diagnostic.place.file) ?? ""
        let words = line.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return Fingerprint.hash([diagnostic.code.rawValue, paths.relative(diagnostic.place.file), words])
    }
}

extension DiagnosticRenderer {
    /// Renders diagnostics as data: counts, and for each its code, severity, range, message and help.
    ///
    /// Lines and columns start at 1, columns count Unicode scalars, ends are exclusive.
    public static func json(_ diagnostics: [Diagnostic]) -> JSONValue {
        let errors = diagnostics.count { $0.severity == .error }
        return .object([
            "formatVersion": .string("1.0"),
            "valid": .bool(errors == 0),
            "errorCount": .integer(errors),
            "warningCount": .integer(diagnostics.count - errors),
            "diagnostics": .array(diagnostics.map(json)),
        ])
    }

    private static func json(_ diagnostic: Diagnostic) -> JSONValue {
        var object: [String: JSONValue] = [
            "code": .string(diagnostic.code.rawValue),
            "severity": .string(diagnostic.severity.rawValue),
            "message": .string(diagnostic.message),
            "file": .string(diagnostic.place.file),
            "range": json(diagnostic.place),
        ]
        if let field = diagnostic.field { object["field"] = .string(field) }
        if let help = diagnostic.help { object["help"] = .string(help) }
        if let fix = diagnostic.fix {
            object["fix"] = [
                "range": json(fix.place), "replacement": .string(fix.replacement), "isSure": .bool(fix.isSure),
            ]
        }
        if let related = diagnostic.related {
            object["related"] = .object([
                "file": .string(related.place.file),
                "range": json(related.place),
                "label": .string(related.label),
            ])
        }
        return .object(object)
    }

    private static func json(_ place: SourcePlace) -> JSONValue {
        .object(["start": json(place.start), "end": json(place.end)])
    }

    private static func json(_ position: SourcePlace.Position) -> JSONValue {
        .object([
            "line": .integer(position.line),
            "column": .integer(position.column),
            "offset": .integer(position.offset),
        ])
    }
}

/// A short name for texts that stays the same from run to run and from machine to machine; not for secrets.
enum Fingerprint {
    /// Computes the 64-bit FNV-1a hash of some texts, as 16 hexadecimal digits.
    static func hash(_ texts: [String]) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        func take(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        for text in texts {
            for byte in text.utf8 { take(byte) }
            // No UTF-8 text has this byte, so it distinguishes `ab`, `c` from `a`, `bc`.
            take(0xFF)
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// Paths as URI references (RFC 3986).
enum URIText {
    private static let allowed = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/".utf8)

    /// Writes a relative path as a relative reference, and an absolute one as a `file:` URI.
    static func reference(to path: String) -> String {
        let start = path.hasPrefix("/") ? "file://" : ""
        return start
            + path.utf8.map { byte in
                guard !allowed.contains(byte) else { return String(Unicode.Scalar(byte)) }
                let digits = String(byte, radix: 16, uppercase: true)
                return "%" + (digits.count == 1 ? "0" : "") + digits
            }
            .joined()
    }
}
