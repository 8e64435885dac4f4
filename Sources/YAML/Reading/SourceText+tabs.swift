extension SourceText {
    /// Tabs that are neither inside a scalar nor inside a comment.
    func tabProblems(outside scalars: [YAMLRange], limit: Int) -> [YAMLProblem] {
        var found: [YAMLProblem] = []
        var next = 0
        var line = 1
        var lineStart = contentStart
        var isComment = false
        for offset in contentStart..<bytes.count where found.count < limit {
            while next < scalars.count, scalars[next].end.offset <= offset { next += 1 }
            let isScalar = next < scalars.count && scalars[next].start.offset <= offset
            switch bytes[offset] {
            case 0x0A:
                (line, lineStart, isComment) = (line + 1, offset + 1, false)
            case UInt8(ascii: "#") where !isScalar:
                isComment = true
            case 0x09 where !isScalar && !isComment:
                found.append(tabProblem(at: offset, line: line, lineStart: lineStart))
            default: break
            }
        }
        return found
    }

    private func tabProblem(at offset: Int, line: Int, lineStart: Int) -> YAMLProblem {
        let column = count(from: lineStart, to: offset).scalars + 1
        let start = YAMLMark(line: line, column: column, offset: offset)
        let end = YAMLMark(line: line, column: column + 1, offset: offset + 1)
        return YAMLProblem(.tab, at: YAMLRange(start: start, end: end), "tab between values", help: "use spaces")
    }
}
