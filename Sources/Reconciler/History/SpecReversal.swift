import Foundation
import JSON
public import Spec
import Spelling
import Store

/// The edits of a folder that give specs the contents that they had before an entry of the history.
///
/// Only the documents of specs that the entry changed are replaced, added or removed; all other text of the files stays.
/// Nothing is applied: the edited folder is reviewed and applied like any other.
public struct SpecReversal: Sendable {
    /// One file of the folder.
    public struct FileEdit: Hashable, Sendable {
        /// The path below the folder: `acme/offers.yaml`.
        public let path: String
        /// The text before; `nil` for a new file.
        public let before: String?
        /// The text after; `nil` if no spec is left, and the file is to be removed.
        public let after: String?
    }

    /// The edits, sorted by path.
    public let edits: [FileEdit]
    /// The specs that were changed after the entry, with what is different; an edit would undo that, too.
    public let conflicts: [String]
    /// The specs that are as they were before the entry already.
    public let done: [SpecIdentity]
    /// The specs whose documents have comments, which are not kept.
    public let commented: [SpecIdentity]
    /// The specs whose documents take values of an environment, which are written out.
    public let valued: [SpecIdentity]
    /// The files that the edited specs name and that are not in the folder, sorted by path.
    public let media: [Exporter.Medium]

    /// Finds the edits.
    ///
    /// - Parameters:
    ///   - entry: The entry to revert.
    ///   - catalog: The specs of the folder, without errors.
    ///   - root: The folder.
    ///   - types: The types of stored files by their digests.
    ///   - text: Returns the text of a file by its path below the folder; `nil` if there is no such file.
    /// - Throws: ``ReconcileError/invalidSpecs(errors:)``, ``ReversalError``, or the error of `text`.
    public init(
        of entry: HistoryEntry,
        in catalog: SpecCatalog,
        root: String,
        types: [String: String] = [:],
        text: (String) throws -> String?
    ) throws {
        var names = FileNames(catalog: catalog, root: root, types: types)
        let desired = try DesiredState(catalog: catalog, root: root)
        var files: [String: SpecFileText] = [:]
        var originals: [String: String?] = [:]
        func edit(_ path: String, _ body: (inout SpecFileText) -> Void) throws {
            guard ExportPath.isInside(path) else { throw ReversalError.outside(path) }
            if originals[path] == nil {
                let found = try text(path)
                originals[path] = .some(found)
                files[path] = SpecFileText(found ?? "")
            }
            body(&files[path, default: SpecFileText("")])
        }
        var (conflicts, done): ([String], [SpecIdentity]) = ([], [])
        var (commented, valued): ([SpecIdentity], [SpecIdentity]) = ([], [])
        for change in entry.changes where change.isEdit {
            let now = desired.items[change.identity]
            let former = change.renamedFrom ?? change.identity
            let isBack = change.renamedFrom == nil ? now : desired.items[former]
            // If only the file changed, the file decides.
            let isMoved = Self.isSame(change.before, change.after)
            let isInPlace = !isMoved || isBack?.content["sourceFile"] == change.before?["sourceFile"]
            if Self.isSame(isBack?.content, change.before), isInPlace, change.renamedFrom == nil || now == nil {
                done.append(former)
                continue
            }
            if !Self.isSame(now?.content, change.after) {
                conflicts.append(Self.conflict(change, now))
            }
            let place = now.map { (path: $0.content["sourceFile"]?.stringValue ?? "", line: $0.spec.place.start.line) }
            let target =
                change.before?["sourceFile"]?.stringValue ?? place?.path ?? "\(former.tenant)/\(former.name).yaml"
            let document = try Self.document(change, in: target, &names)
            if let place {
                let isKept = document != nil && place.path == target
                try edit(place.path) { file in
                    if file.hasComments(at: place.line) { commented.append(change.identity) }
                    if isKept, file.takesValues(at: place.line) { valued.append(change.identity) }
                    file.replace(at: place.line, by: isKept ? document : nil)
                }
                if isKept { continue }
            }
            guard let document else { continue }
            try edit(target) { $0.append(document) }
        }
        edits = files.map { path, file in
            let before = originals[path] ?? nil
            return FileEdit(path: path, before: before, after: file.text)
        }
        .filter { $0.before != $0.after }
        .sorted { $0.path < $1.path }
        (self.conflicts, self.done) = (conflicts, done)
        (self.commented, self.valued) = (commented, valued)
        media = names.missing.sorted { $0.path < $1.path }
    }

    /// Gives files that specs named their paths.
    ///
    /// The content of a row has no paths, but what the files held, so a file that is in the folder is found by that, and another
    /// one gets the name that an export gives it.
    private struct FileNames {
        let root: String
        let types: [String: String]
        private let present: [MediaRepository.Key: MediaFile]
        private(set) var missing: Set<Exporter.Medium> = []

        init(catalog: SpecCatalog, root: String, types: [String: String]) {
            (self.root, self.types) = (root, types)
            let files = catalog.media.map { (MediaRepository.Key(tenant: $0.tenant, digest: $0.reference.digest), $0) }
            present = Dictionary(files) { first, _ in first }
        }

        /// Returns the path of a file, as a spec below the folder names it.
        mutating func path(of key: MediaRepository.Key, in file: String) -> String {
            let folder = file.split(separator: "/").dropLast().joined(separator: "/")
            if let path = present[key]?.path(from: "\(root)/\(folder)") { return path }
            let medium = Exporter.Medium(key, in: folder, type: types[key.digest])
            missing.insert(medium)
            return medium.link
        }
    }

    /// Returns the document that a spec had before a change, with the paths of files as a spec in `file` names them; `nil` if
    /// there was none.
    private static func document(_ change: PlannedChange, in file: String, _ names: inout FileNames) throws -> String? {
        guard let before = change.before else { return nil }
        let former = change.renamedFrom ?? change.identity
        do {
            let content = MediaReference.naming(SpecWriter.own(before)) { digest in
                names.path(of: MediaRepository.Key(tenant: former.tenant, digest: digest), in: file)
            }
            let text = try SpecWriter.document(former.kind, stored: content)
            guard change.renamedFrom != nil else { return text }
            // The row has the new name by now; this takes it back, with its history and runs.
            return text + "renamedFrom: \(change.identity.name)\n"
        } catch {
            throw ReversalError.invalid(former, reason: "\(error)")
        }
    }

    /// Compares the parts of two contents that a spec itself says.
    private static func isSame(_ left: JSONValue?, _ right: JSONValue?) -> Bool {
        ValueDiffer.isIdentical(left.map(SpecWriter.own), right.map(SpecWriter.own))
    }

    private static func conflict(_ change: PlannedChange, _ now: DesiredState.Item?) -> String {
        guard let now else { return "\(change.identity) does not exist any more" }
        guard let after = change.after else { return "\(change.identity) exists again" }
        let fields = ValueDiffer.differences(from: SpecWriter.own(after), to: SpecWriter.own(now.content)).map(\.path)
        let few = fields.prefix(3).map { "`\(PlanLines.harmless($0))`" }.joined(separator: ", ")
        let rest = fields.count > 3 ? " and \(NumberText.count(fields.count - 3, "more field"))" : ""
        return "\(change.identity) differs from that entry in \(few)\(rest)"
    }
}

extension PlannedChange {
    /// True if the file of the spec was edited: not for what a spec inherits, nor for a value that is only derived.
    fileprivate var isEdit: Bool {
        guard action == .update, renamedFrom == nil else { return !isInherited }
        guard !isInherited, let before, let after else { return false }
        return !ValueDiffer.isIdentical(SpecWriter.own(before), SpecWriter.own(after))
            || before["sourceFile"] != after["sourceFile"]
    }
}

/// The reason why an entry cannot be reverted.
public enum ReversalError: Error, Hashable, CustomStringConvertible {
    /// A row names a file outside of the folder.
    case outside(String)
    case invalid(SpecIdentity, reason: String)

    public var description: String {
        switch self {
        case .outside(let path): "the history names the file `\(path)`, which is outside of the folder"
        case .invalid(let identity, let reason): "\(identity) cannot be written as it was: \(reason)"
        }
    }
}

/// The text of a file of specs, split into its documents.
struct SpecFileText {
    /// A document with the line that begins it, if that line is `---`.
    private struct Document {
        /// The first line, from 1.
        let line: Int
        /// The lines, without the separator.
        var lines: [Substring]
        var hasSeparator: Bool
    }

    private var documents: [Document]

    init(_ text: String) {
        var documents = [Document(line: 1, lines: [], hasSeparator: false)]
        for (index, line) in Self.split(text).enumerated() {
            if line == "---" || line.hasPrefix("--- ") || line == "---\r" {
                documents.append(Document(line: index + 1, lines: [], hasSeparator: true))
            } else {
                documents[documents.count - 1].lines.append(line)
            }
        }
        // The text after the last line feed is no line.
        if documents[documents.count - 1].lines.last == "" { documents[documents.count - 1].lines.removeLast() }
        self.documents = documents
    }

    /// Returns the position of the document that contains a line, as the file was read.
    private func position(of line: Int) -> Int? {
        documents.lastIndex { $0.line <= line }
    }

    /// Returns true if the document at a line has comments below its head.
    func hasComments(at line: Int) -> Bool {
        guard let position = position(of: line) else { return false }
        let lines = documents[position].lines
        return lines.dropFirst(Self.head(lines)).contains { line in
            // A hash within a word, such as that of an address, begins no comment.
            line.contains(" #") || line.drop { $0 == " " }.first == "#"
        }
    }

    /// Returns true if the document at a line takes values of an environment.
    func takesValues(at line: Int) -> Bool {
        guard let position = position(of: line) else { return false }
        return documents[position].lines.contains { $0.replacing("$${", with: "").contains("${") }
    }

    /// Replaces the document at a line, or removes it; comments before its first field stay.
    mutating func replace(at line: Int, by text: String?) {
        guard let position = position(of: line) else { return }
        let head = documents[position].lines.prefix(Self.head(documents[position].lines))
        documents[position].lines = text.map { head + Self.lines($0) } ?? (position == 0 ? Array(head) : [])
        // A document without lines is left out of the text, but keeps its place, because others are found by line.
    }

    /// Adds a document at the end.
    mutating func append(_ text: String) {
        let isFirst = !documents.contains { !Self.isEmpty($0.lines) }
        documents.append(Document(line: .max, lines: Self.lines(text), hasSeparator: !isFirst))
    }

    /// The whole text; `nil` if no document is left.
    var text: String? {
        let left = documents.filter { !Self.isEmpty($0.lines) }
        guard !left.isEmpty else { return nil }
        var text = ""
        for document in documents where !document.lines.isEmpty {
            let isAfterComments = !text.isEmpty && document.hasSeparator
            if isAfterComments || (text.isEmpty && document.hasSeparator && document.line == 1) { text += "---\n" }
            text += document.lines.joined(separator: "\n") + "\n"
        }
        return text
    }

    /// Returns the number of lines before the first field: comments and empty lines.
    private static func head(_ lines: [Substring]) -> Int {
        lines.prefix { line in
            let text = line.drop { $0 == " " || $0 == "\t" || $0 == "\r" }
            return text.isEmpty || text.first == "#" || text.first == "%"
        }
        .count
    }

    private static func isEmpty(_ lines: [Substring]) -> Bool { head(lines) == lines.count }

    private static func lines(_ text: String) -> [Substring] {
        split(text).dropLast(text.unicodeScalars.last == "\n" ? 1 : 0)
    }

    /// Splits a text at its line feeds; a line may end in a carriage return, which is one character with the line feed.
    private static func split(_ text: String) -> [Substring] {
        text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { Substring($0) }
    }
}
