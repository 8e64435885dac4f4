import Foundation
import Testing

/// Checks that errors have words, because they are logged and shown as they are.
struct ErrorTests {
    @Test func errorsDescribeThemselves() throws {
        let sources = try SourceFile.all().filter { $0.path.hasPrefix("Sources/") }
        var described: Set<Substring> = []
        var declared: [(name: Substring, place: String)] = []
        for source in sources {
            for (number, line) in source.lines.enumerated() where line.contains(": ") && line.hasSuffix("{") {
                let words = line.split { " :,{}".contains($0) }
                let isExtension = words.contains("extension")
                guard isExtension || words.contains("Error") || words.contains("LocalizedError"),
                    let kind = words.firstIndex(where: { ["extension", "struct", "enum", "class"].contains($0) }),
                    words.indices.contains(kind + 1), let name = words[kind + 1].split(separator: ".").last
                else { continue }
                if words.contains("CustomStringConvertible") {
                    described.insert(name)
                } else if !isExtension {
                    declared.append((name, "\(source.path):\(number + 1)"))
                }
            }
        }
        try #require(!described.isEmpty)
        for (name, place) in declared {
            #expect(described.contains(name), "\(place): \(name) is logged as a Swift value; add a description")
        }
    }
}
