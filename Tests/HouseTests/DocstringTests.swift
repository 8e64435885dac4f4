import Foundation
import Testing

/// Checks how docstrings begin.
struct DocstringTests {
    /// `Returns the plan`, not `The plan`: the reader of a call knows from the first word what it does.
    @Test func functionsAreDescribedByAVerbInTheThirdPerson() throws {
        for source in try SourceFile.all() {
            for (index, line) in source.lines.enumerated() where Self.declaresFunction(line) {
                guard let summary = Self.summary(above: index, in: source.lines) else { continue }
                #expect(summary.prefix { $0.isLetter }.hasSuffix("s"), "\(source.path):\(index + 1): \(summary)")
            }
        }
    }

    /// `The time at which it ends`, not `When it ends`: a clause does not name what a type or property is.
    @Test func nothingIsDescribedByAClause() throws {
        let words: Set<Substring> = ["Whether", "What", "When", "Where", "Who", "Why", "How"]
        for source in try SourceFile.all() {
            for (index, line) in source.lines.enumerated() {
                guard index > 0, let text = Self.documentation(line) else { continue }
                let isSummary = Self.documentation(source.lines[index - 1]) == nil
                let isClause = isSummary && words.contains(text.prefix { $0.isLetter })
                #expect(!isClause, "\(source.path):\(index + 1): \(text)")
            }
        }
    }

    /// True if only attributes and modifiers stand before `func`.
    private static func declaresFunction(_ line: Substring) -> Bool {
        guard line.contains("func ") else { return false }
        let words = line.split(separator: " ")
        guard let index = words.firstIndex(of: "func") else { return false }
        return words[..<index].allSatisfy { $0.first.map { $0 == "@" || $0.isLowercase } ?? false }
    }

    /// The first line of the docstring of a declaration; `nil` if it has none.
    private static func summary(above declaration: Int, in lines: [Substring]) -> Substring? {
        var index = declaration - 1
        while index >= 0, lines[index].drop(while: { $0 == " " }).hasPrefix("@") { index -= 1 }
        var summary: Substring?
        while index >= 0, let text = documentation(lines[index]) {
            summary = text
            index -= 1
        }
        return summary
    }

    /// The text of a line of a docstring; `nil` for other lines.
    private static func documentation(_ line: Substring) -> Substring? {
        let text = line.drop { $0 == " " }
        return text.hasPrefix("///") ? text.dropFirst(3).drop { $0 == " " } : nil
    }
}
