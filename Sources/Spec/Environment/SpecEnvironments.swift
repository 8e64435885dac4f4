import Spelling
internal import YAML

/// The environments of a folder of specs, such as `staging` and `production`.
///
/// The values of each are in `environments/<name>.yaml` beside the folder. A spec takes one with `${name}`.
public struct SpecEnvironments: Sendable {
    /// The folder of the files.
    public let folder: String
    private let listing: SpecFiles.Listing?

    /// Finds the environments beside a folder of specs; blocks while it reads.
    public init(beside directory: String) {
        folder = Self.folder("environments", beside: directory)
        listing = SpecFiles.exists(folder) ? SpecFiles.find(in: folder) : nil
    }

    /// The names of the environments, sorted.
    public var names: [String] {
        Set((listing?.files ?? []).filter { $0.tenant == nil }.map { Self.name(of: $0.path) }).sorted()
    }

    /// Returns the file of an environment; `nil` if there is none.
    package func file(of name: String) -> SpecFiles.File? {
        listing?.files.first { $0.tenant == nil && Self.name(of: $0.path) == name }
    }

    /// The findings on files of the folder that cannot be read.
    var problems: [Diagnostic] { listing?.problems ?? [] }

    /// Reads the values of an environment; a missing file is a finding of the result.
    func values(of name: String) -> EnvironmentValues {
        guard let file = file(of: name) else {
            let path = "\(folder)/\(name).yaml"
            if let problem = problems.first(where: { Self.name(of: $0.place.file) == name }) {
                return EnvironmentValues(name: name, path: path, problem: problem)
            }
            let near = SpellingSuggestion.candidates(for: name, among: names)
            let choice = near.isEmpty ? names : near
            let help =
                choice.isEmpty
                ? "write \(path), with a line such as `rate: 80` for each value"
                : near.isEmpty
                    ? "the environments are \(SpellingSuggestion.list(choice, "and"))"
                    : "did you mean \(SpellingSuggestion.list(near, "or"))?"
            let message = "there is no environment `\(name)`"
            let problem = Diagnostic(.unreadableFile, at: SourcePlace(file: path), message, help: help)
            return EnvironmentValues(name: name, path: path, problem: problem)
        }
        switch SpecFiles.bytes(of: file.target) {
        case .success(let bytes): return EnvironmentValues(name: name, path: file.path, bytes: bytes)
        case .failure(let failure):
            return EnvironmentValues(name: name, path: file.path, problem: failure.diagnostic(of: file.path))
        }
    }

    private static func name(of path: String) -> String {
        let file = path.split(separator: "/").last ?? ""
        return String(file.prefix { $0 != "." })
    }

    /// Returns a folder beside the folder of the specs, such as `environments`, so that no tenant is called so.
    static func folder(_ name: String, beside directory: String) -> String {
        var root = directory[...]
        while root.count > 1, root.hasSuffix("/") { root.removeLast() }
        let parts = root.split(separator: "/", omittingEmptySubsequences: false)
        guard let last = parts.last, last != ".", last != "..", root != "/" else { return "\(root)/../\(name)" }
        return (parts.dropLast() + [name[...]]).joined(separator: "/")
    }
}

/// The values of one environment.
final class EnvironmentValues: Sendable {
    /// A value with its place in the file.
    struct Value: Sendable {
        let scalar: YAMLScalar
        let range: YAMLRange
        let keyRange: YAMLRange
    }

    let name: String
    let path: String
    let bytes: [UInt8]
    /// The values by their names.
    let values: [String: Value]
    let diagnostics: [Diagnostic]

    /// Makes an environment whose file cannot be read.
    init(name: String, path: String, problem: Diagnostic) {
        (self.name, self.path, bytes, values, diagnostics) = (name, path, [], [:], [problem])
    }

    /// Reads a file.
    init(name: String, path: String, bytes: [UInt8]) {
        let sink = DiagnosticSink(file: path)
        let stream = YAMLReader().read(bytes)
        for problem in stream.problems { sink.report(problem) }
        var values: [String: Value] = [:]
        for document in stream.documents {
            guard let mapping = document.mapping else {
                if let scalar = document.scalar, case .null = scalar.value { continue }
                sink.reportWrongType(of: document, field: "", expected: "a mapping of names to values")
                continue
            }
            sink.checkCharacters(document)
            for pair in mapping.pairs { values[pair.key] = Self.value(pair, sink) ?? values[pair.key] }
        }
        (self.name, self.path, self.bytes, self.values) = (name, path, bytes, values)
        diagnostics = sink.diagnostics
    }

    private static func value(_ pair: YAMLMapping.Pair, _ sink: DiagnosticSink) -> Value? {
        guard ValueReference.isName(pair.key) else {
            let help = "use letters, digits, `-` and `_`, and a letter or digit first"
            sink.report(.environmentReference, at: pair.keyRange, "`\(pair.key)` is not a name of a value", help: help)
            return nil
        }
        guard let scalar = pair.value.scalar, scalar.value != .null else {
            let expected = "a text, a number or a boolean"
            sink.reportWrongType(of: pair.value, field: pair.key, expected: expected)
            return nil
        }
        return Value(scalar: scalar, range: pair.value.range, keyRange: pair.keyRange)
    }

    /// Returns the place of a value.
    func place(of value: Value) -> SourcePlace { SourcePlace(file: path, value.range) }

    /// Returns the findings on values that no spec takes.
    func unused(but used: Set<String>) -> [Diagnostic] {
        values.filter { !used.contains($0.key) }.map { name, value in
            let place = SourcePlace(file: path, value.keyRange)
            let message = "no spec takes the value `\(name)`"
            return Diagnostic(.unusedEnvironmentValue, at: place, field: name, message, help: "remove it")
        }
    }

    /// The text of the file for findings; texts that are no references may be secrets, and are masked.
    var maskedSource: String {
        let secrets = values.values.filter { value in
            guard case .string(let text) = value.scalar.value else { return false }
            return !text.hasReferencePrefix
        }
        return SourceMask.mask(bytes, secrets: secrets.map(\.range))
    }
}
