public import JSON

extension DiagnosticRenderer {
    /// Writes diagnostics as SARIF 2.1.0, which code scanning reads.
    ///
    /// A result keeps its fingerprint while lines move: it is made of the code, the file, the text of the line and how
    /// often the same stood before in the file.
    ///
    /// - Parameters:
    ///   - diagnostics: What to write; all of them, whatever other formats leave out.
    ///   - toolVersion: The version of the command, such as `1.2.0`.
    /// - Returns: The log, with one run.
    public func sarif(_ diagnostics: [Diagnostic], toolVersion: String) -> JSONValue {
        var seen: [String: Int] = [:]
        let results = diagnostics.map { diagnostic -> JSONValue in
            let hash = lineHash(diagnostic)
            let occurrence = seen[hash, default: 0] + 1
            seen[hash] = occurrence
            return result(diagnostic, fingerprint: "\(hash):\(occurrence)")
        }
        let driver: JSONValue = [
            "name": "reconcile",
            "version": .string(toolVersion),
            "semanticVersion": .string(toolVersion),
            "rules": .array(DiagnosticCode.allCases.map(rule)),
        ]
        let run: JSONValue = [
            "tool": ["driver": driver],
            "columnKind": "unicodeCodePoints",
            "invocations": [["executionSuccessful": true]],
            "results": .array(results),
        ]
        return [
            "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
            "version": "2.1.0",
            "runs": [run],
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

    private static let ruleIndices = Dictionary(
        uniqueKeysWithValues: DiagnosticCode.allCases.enumerated().map { ($1, $0) }
    )

    private func location(_ place: SourcePlace) -> JSONValue {
        let path = paths.relative(place.file)
        var artifact: [String: JSONValue] = ["uri": .string(URIText.reference(to: path))]
        if !path.hasPrefix("/") { artifact["uriBaseId"] = "%SRCROOT%" }
        return [
            "artifactLocation": .object(artifact),
            "region": [
                "startLine": .integer(place.start.line),
                "startColumn": .integer(place.start.column),
                "endLine": .integer(place.end.line),
                "endColumn": .integer(place.end.column),
            ],
        ]
    }

    private func lineHash(_ diagnostic: Diagnostic) -> String {
        let line = line(diagnostic.place.start.line, of: diagnostic.place.file) ?? ""
        let words = line.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return Fingerprint.hash([diagnostic.code.rawValue, paths.relative(diagnostic.place.file), words])
    }
}
