internal import YAML

extension SourcePlace {
    init(file: String, _ range: YAMLRange) {
        self.init(file: file, start: Position(range.start), end: Position(range.end))
    }
}

extension SourcePlace.Position {
    fileprivate init(_ mark: YAMLMark) {
        self.init(line: mark.line, column: mark.column, offset: mark.offset)
    }
}
