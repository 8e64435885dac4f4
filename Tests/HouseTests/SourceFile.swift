import Foundation
import Testing

/// A Swift file of the product or its tools.
struct SourceFile {
    /// The root of the repository.
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// From the root of the repository.
    let path: String
    let text: String

    /// The folder below `Sources` or `Tools`.
    var target: String { String(path.split(separator: "/")[1]) }
    var folder: String { String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)]) }
    var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

    var imports: [String] {
        lines.compactMap {
            $0.firstMatch(of: /^(?:(?:public|internal|package) )?import (?:\w+ )?(\w+)/).map { String($0.1) }
        }
    }

    /// All of them.
    static func all() throws -> [SourceFile] {
        let sources = try ["Sources", "Tools"].flatMap { folder in
            let files = FileManager.default.enumerator(atPath: root.appending(path: folder).path)
            return try (files?.compactMap { $0 as? String } ?? []).filter { $0.hasSuffix(".swift") }.map { path in
                let path = "\(folder)/\(path)"
                return SourceFile(
                    path: path,
                    text: try String(contentsOf: root.appending(path: path), encoding: .utf8)
                )
            }
        }
        try #require(!sources.isEmpty)
        return sources
    }
}
