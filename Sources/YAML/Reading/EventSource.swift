internal import CLibYAML

/// The events of libyaml for one stretch of text; the only place that talks to the C library.
///
/// The parser is owned by this value alone and never leaves it.
@safe struct EventSource: ~Copyable {
    /// A place as libyaml counts it: from 0, in scalars.
    struct RawMark {
        var line: Int
        var column: Int
        var index: Int

        fileprivate init(_ mark: yaml_mark_t) {
            (line, column, index) = (mark.line, mark.column, mark.index)
        }
    }

    struct Properties {
        let anchor: String?
        let tag: String?
    }

    enum Kind {
        case streamStart, streamEnd, documentStart, documentEnd
        case alias(String)
        case scalar(String, YAMLScalar.Style, Properties)
        case sequenceStart(Properties)
        case sequenceEnd
        case mappingStart(Properties)
        case mappingEnd
    }

    struct Event {
        let kind: Kind
        let start: RawMark
        let end: RawMark
    }

    /// What libyaml says about text that it cannot read.
    struct Failure: Error {
        let problem: String
        let context: String
        let mark: RawMark
        let contextMark: RawMark
    }

    private let parser: UnsafeMutablePointer<yaml_parser_t>

    /// Starts reading memory that must stay alive and unchanged as long as this value.
    init(_ input: UnsafeBufferPointer<UInt8>) {
        unsafe parser = .allocate(capacity: 1)
        unsafe parser.initialize(to: yaml_parser_t())
        // A failed initialisation (no memory) leaves a zeroed parser, whose first event is an error.
        _ = unsafe yaml_parser_initialize(parser)
        unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        unsafe yaml_parser_set_input_string(parser, input.baseAddress, input.count)
    }

    deinit {
        unsafe yaml_parser_delete(parser)
        unsafe parser.deallocate()
    }

    /// Reads one event.
    mutating func next() throws(Failure) -> Event {
        var event = unsafe yaml_event_t()
        guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw failure() }
        defer { unsafe yaml_event_delete(&event) }
        let start = RawMark(unsafe event.start_mark)
        let end = RawMark(unsafe event.end_mark)
        return Event(kind: unsafe Self.kind(of: event), start: start, end: end)
    }

    private static func kind(of event: yaml_event_t) -> Kind {
        switch unsafe event.type {
        case YAML_SCALAR_EVENT:
            let scalar = unsafe event.data.scalar
            let value = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            let properties = unsafe properties(scalar.anchor, scalar.tag)
            return unsafe .scalar(String(decoding: value, as: UTF8.self), style(scalar.style), properties)
        case YAML_MAPPING_START_EVENT:
            return unsafe .mappingStart(properties(event.data.mapping_start.anchor, event.data.mapping_start.tag))
        case YAML_SEQUENCE_START_EVENT:
            return unsafe .sequenceStart(properties(event.data.sequence_start.anchor, event.data.sequence_start.tag))
        case YAML_MAPPING_END_EVENT: return .mappingEnd
        case YAML_SEQUENCE_END_EVENT: return .sequenceEnd
        case YAML_ALIAS_EVENT: return .alias(unsafe text(event.data.alias.anchor) ?? "")
        case YAML_DOCUMENT_START_EVENT: return .documentStart
        case YAML_DOCUMENT_END_EVENT: return .documentEnd
        case YAML_STREAM_START_EVENT: return .streamStart
        default: return .streamEnd
        }
    }

    private static func properties(
        _ anchor: UnsafeMutablePointer<yaml_char_t>?,
        _ tag: UnsafeMutablePointer<yaml_char_t>?
    ) -> Properties {
        unsafe Properties(anchor: text(anchor), tag: text(tag))
    }

    private static func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        guard let pointer = unsafe pointer else { return nil }
        return unsafe String(cString: pointer)
    }

    private static func style(_ style: yaml_scalar_style_t) -> YAMLScalar.Style {
        switch style {
        case YAML_SINGLE_QUOTED_SCALAR_STYLE: .singleQuoted
        case YAML_DOUBLE_QUOTED_SCALAR_STYLE: .doubleQuoted
        case YAML_LITERAL_SCALAR_STYLE: .literal
        case YAML_FOLDED_SCALAR_STYLE: .folded
        default: .plain
        }
    }

    private func failure() -> Failure {
        let problem = unsafe parser.pointee.problem.map { unsafe String(cString: $0) } ?? "out of memory"
        let context = unsafe parser.pointee.context.map { unsafe String(cString: $0) } ?? ""
        let mark = RawMark(unsafe parser.pointee.problem_mark)
        let contextMark = RawMark(unsafe parser.pointee.context_mark)
        return Failure(problem: problem, context: context, mark: mark, contextMark: contextMark)
    }
}
