import Spelling
import YAML

/// Reads the fields of one mapping and reports mistakes.
///
/// Callers read every field that the mapping may have, then call ``finish()``, which reports all other fields as unknown.
struct FieldReader {
    let node: YAMLNode
    /// The path of the mapping itself; empty for a document.
    let path: String
    let sink: DiagnosticSink
    private let mapping: YAMLMapping
    /// The keys that were read; a key can appear twice.
    private var asked: [String] = []
    /// The positions of the pairs that were read, as bits of the first 64.
    private var found: UInt64 = 0
    private var missing: [(key: String, help: String?)] = []
    private var secretKeys: Set<String> = []
    /// True if fields that exclude each other were reported.
    private(set) var hasConflict = false
    /// The name of the mapping in messages, such as ``kind `Sender```.
    private let what: String

    /// Starts reading a node; reports and fails if it is not a mapping.
    init?(_ node: YAMLNode, path: String, what: String, sink: DiagnosticSink) {
        guard let mapping = node.mapping else {
            sink.reportWrongType(of: node, field: path, expected: "a mapping")
            return nil
        }
        (self.node, self.path, self.what, self.sink, self.mapping) = (node, path, what, sink, mapping)
        asked.reserveCapacity(16)
    }

    func field(_ key: String) -> String {
        path.isEmpty ? key : "\(path).\(key)"
    }

    func has(_ key: String) -> Bool {
        mapping.index(of: key) != nil
    }

    /// Returns the node of a field, or `nil` if it is absent; a null counts as a value.
    mutating func node(_ key: String) -> ReadNode? {
        asked.append(key)
        guard let index = mapping.index(of: key) else { return nil }
        if index < 64 { found |= 1 << UInt64(index) }
        return ReadNode(mapping.value(at: index), key: key, in: path)
    }

    /// Returns the node of a field that is read elsewhere, or `nil` if it is absent.
    func peek(_ key: String) -> ReadNode? {
        mapping[key].map { ReadNode($0, key: key, in: path) }
    }

    /// Returns the range of the key of a field.
    func keyRange(_ key: String) -> YAMLRange? {
        mapping.pair(key)?.keyRange
    }

    /// Marks a field as required; ``finish()`` reports it if it is absent.
    mutating func require(_ key: String, help: String? = nil) {
        if !has(key) { missing.append((key, help)) }
    }

    /// Marks the value of a field as secret; it is never shown, even if its key is misspelt.
    mutating func guardSecret(_ key: String) {
        secretKeys.insert(key)
        if let value = mapping[key], value.scalar?.text.hasReferencePrefix != true { sink.hide(value.range) }
    }

    /// Reports unknown and missing fields; a row may have any other fields.
    func finish() {
        // The usual case: no field is unknown or missing.
        if missing.isEmpty, found.nonzeroBitCount == mapping.pairs.count { return }
        let known = asked.reduce(into: [String]()) { keys, key in
            if !keys.contains(key) { keys.append(key) }
        }
        let absent = known.filter { !has($0) }
        var explained: Set<String> = []
        let unknown = mapping.pairs.filter { !known.contains($0.key) }
        // Two misspellings of one field cannot both be corrected.
        let wanted = unknown.flatMap { SpellingSuggestion.candidates(for: $0.key, among: absent) }
        for pair in mapping.pairs where !sink.isStored && !known.contains(pair.key) {
            let near = SpellingSuggestion.candidates(for: pair.key, among: absent)
            let suggestion = near.isEmpty ? SpellingSuggestion.candidates(for: pair.key, among: known) : near
            explained.formUnion(suggestion)
            if suggestion.contains(where: secretKeys.contains) { sink.hide(pair.value.range) }
            let help =
                suggestion.isEmpty
                ? "\(what) takes \(SpellingSuggestion.list(known, "and"))"
                : "did you mean \(SpellingSuggestion.list(suggestion, "or"))?"
            sink.report(
                .unknownField,
                at: pair.keyRange,
                field: field(pair.key),
                "unknown field `\(pair.key)`",
                help: help,
                fix: near.count == 1 && wanted.count { $0 == near[0] } == 1
                    ? WordFix(pair.key, suggestions: near) : nil
            )
        }
        guard !mapping.isDamaged else { return }
        for (key, help) in missing where !explained.contains(key) {
            let range = firstLine(of: node.range)
            let help = help ?? "\(what) needs it"
            sink.report(.missingField, at: range, field: field(key), "missing field `\(key)`", help: help)
        }
    }

    /// Returns the range of the first key, where missing fields are reported.
    private func firstLine(of range: YAMLRange) -> YAMLRange {
        guard let first = mapping.pairs.first, first.keyRange.start.line == range.start.line else { return range }
        let start = range.start == first.keyRange.start ? range.start : first.keyRange.start
        return YAMLRange(start: start, end: first.keyRange.end)
    }
}

extension String {
    /// True if the text looks like a reference to a secret.
    var hasReferencePrefix: Bool {
        hasPrefix("env:") || hasPrefix("file:")
    }
}

extension FieldReader {
    /// Reads a mapping below a key; `read` reads its fields, and all others are unknown.
    @discardableResult
    mutating func mapping<Value>(
        _ key: String,
        _ read: (inout FieldReader) -> Value?
    ) -> Value? {
        guard let found = node(key),
            var reader = FieldReader(found.node, path: found.field, what: "`\(key)`", sink: sink)
        else { return nil }
        let value = read(&reader)
        reader.finish()
        return value
    }

    /// Reports missing fields, and accepts unknown ones.
    mutating func finishOpen() {
        guard let mapping = node.mapping else { return }
        for pair in mapping.pairs { _ = node(pair.key) }
        finish()
    }

    /// Accepts the fields of all choices, for a mapping whose choice is unknown.
    mutating func skip<Choice: CaseIterable & RawRepresentable<String>>(_ type: Choice.Type) {
        for choice in type.allCases { _ = node(choice.rawValue) }
    }

    /// Reads a list of values of one type; broken items are reported and left out.
    mutating func list<Item>(
        _ key: String,
        _ item: (YAMLNode, String) -> Item?
    ) -> ReadValue<[Item]>? {
        guard let read = node(key) else { return nil }
        guard let nodes = read.node.sequence else {
            sink.reportWrongType(of: read.node, field: read.field, expected: "a list")
            return nil
        }
        let items = nodes.enumerated().compactMap { index, node in item(node, FieldPath.item(index, of: read.field)) }
        return read.with(items)
    }

    /// Reports that two fields exclude each other, at the second; says nothing if one of them is absent.
    ///
    /// - Returns: True if both are present.
    @discardableResult
    mutating func exclude(_ key: String, with other: String, label: String) -> Bool {
        guard has(other), let range = keyRange(key) else { return false }
        hasConflict = true
        let related = keyRange(other).map {
            Diagnostic.Related(place: SourcePlace(file: sink.file, $0), label: label)
        }
        let message = "`\(key)` and `\(other)` exclude each other"
        let field = field(key)
        sink.report(.conflictingFields, at: range, field: field, message, help: "keep one of them", related: related)
        return true
    }
}

/// The node of a field that was read.
struct ReadNode {
    let node: YAMLNode
    // The path is only built when a problem is reported.
    private let parent: String
    private let key: String

    init(_ node: YAMLNode, key: String, in parent: String) {
        (self.node, self.parent, self.key) = (node, parent, key)
    }

    init(_ node: YAMLNode, field: String) {
        self.init(node, key: field, in: "")
    }

    var field: String { parent.isEmpty ? key : parent + "." + key }

    var range: YAMLRange { node.range }

    /// Attaches the value that was read from the node.
    func with<Value>(_ value: Value) -> ReadValue<Value> {
        ReadValue(value, from: self)
    }
}

/// A value with the node and the field that it was read from.
struct ReadValue<Value> {
    let value: Value
    private let read: ReadNode

    init(_ value: Value, from read: ReadNode) {
        (self.value, self.read) = (value, read)
    }

    var node: YAMLNode { read.node }

    var field: String { read.field }

    var range: YAMLRange { read.range }

    /// Returns another value of the same field.
    func with<Other>(_ value: Other) -> ReadValue<Other> {
        ReadValue<Other>(value, from: read)
    }
}

/// Builds the paths of fields, such as `conditions[0].value`.
enum FieldPath {
    private static let suffixes = (0..<64).map { "[\($0)]" }

    /// Returns the path of an item of a list.
    static func item(_ index: Int, of list: String) -> String {
        index < suffixes.count ? list + suffixes[index] : "\(list)[\(index)]"
    }
}
