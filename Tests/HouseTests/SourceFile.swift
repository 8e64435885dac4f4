import Foundation
import Testing

/// A Swift file of the product or its tools.
struct SourceFile: Sendable {
    /// The root of the repository.
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// From the root of the repository.
    let path: String
    let text: String
    let lines: [Substring]
    /// Names of the imported modules.
    ///
    /// Read by hand, as regular expressions take seconds for all files in a debug build.
    let imports: Set<String>

    /// The folder below `Sources` or `Tools`.
    var target: String { String(path.split(separator: "/")[1]) }

    private init(path: String) throws {
        self.path = path
        text = try String(contentsOf: Self.root.appending(path: path), encoding: .utf8)
        lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        imports = Set(
            lines.lazy.filter { $0.first == "i" || $0.first == "p" || $0.first == "@" }.compactMap { line in
                let words = line.split(separator: " ")
                guard let index = words.firstIndex(of: "import"), index <= 1 else { return nil }
                return words.last.map { String($0.prefix { $0 != "." }) }
            }
        )
    }

    private static let files = Result {
        try paths(in: ["Sources", "Tools"]).map { try SourceFile(path: $0) }
    }

    /// Paths of the Swift files in folders of the repository, from its root.
    static func paths(in folders: [String]) -> [String] {
        folders.flatMap { folder in
            let files = FileManager.default.enumerator(atPath: root.appending(path: folder).path)
            return (files?.compactMap { $0 as? String } ?? []).filter { $0.hasSuffix(".swift") }
                .map { "\(folder)/\($0)" }
        }
    }

    /// All of them.
    static func all() throws -> [SourceFile] {
        let sources = try files.get()
        try #require(!sources.isEmpty)
        return sources
    }
}
