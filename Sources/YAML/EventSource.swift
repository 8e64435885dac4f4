internal import CLibYAML

/// The events of libyaml for one part of a text; the only place that talks to the C library.
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

    enum Kind {
        case streamStart, streamEnd, documentStart, documentEnd
        case alias, scalar(YAMLScalar.Style)
        case sequenceStart, sequenceEnd, mappingStart, mappingEnd
    }

    /// The error of libyaml for text that it cannot parse.
    struct Failure: Error, CustomStringConvertible {
        let problem: String
        let context: String
        let mark: RawMark
        let contextMark: RawMark

        var description: String { problem }
    }

    private let parser: UnsafeMutablePointer<yaml_parser_t>
    /// The event that was read last; it owns its texts, which are copied only on demand.
    private var event = unsafe yaml_event_t()

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
        // A copy, as nothing may be changed here; an event that was deleted already is empty.
        var event = unsafe event
        unsafe yaml_event_delete(&event)
        unsafe yaml_parser_delete(parser)
        unsafe parser.deallocate()
    }

    /// Reads one event, which replaces the previous one.
    mutating func next() throws(Failure) -> Kind {
        unsafe yaml_event_delete(&event)
        guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw failure() }
        return kind
    }

    /// The start of the event.
    var start: RawMark { RawMark(unsafe event.start_mark) }

    /// The end of the event.
    var end: RawMark { RawMark(unsafe event.end_mark) }

    private var kind: Kind {
        switch unsafe event.type {
        case YAML_SCALAR_EVENT: .scalar(Self.style(unsafe event.data.scalar.style))
        case YAML_MAPPING_START_EVENT: .mappingStart
        case YAML_SEQUENCE_START_EVENT: .sequenceStart
        case YAML_MAPPING_END_EVENT: .mappingEnd
        case YAML_SEQUENCE_END_EVENT: .sequenceEnd
        case YAML_ALIAS_EVENT: .alias
        case YAML_DOCUMENT_START_EVENT: .documentStart
        case YAML_DOCUMENT_END_EVENT: .documentEnd
        case YAML_STREAM_START_EVENT: .streamStart
        default: .streamEnd
        }
    }

    /// The text of a scalar, valid until the next event; empty for all other events.
    var bytes: UnsafeBufferPointer<UInt8> {
        guard unsafe event.type == YAML_SCALAR_EVENT else { return unsafe UnsafeBufferPointer(start: nil, count: 0) }
        return unsafe UnsafeBufferPointer(start: event.data.scalar.value, count: event.data.scalar.length)
    }

    /// The anchor that the event defines or, if it is an alias, refers to.
    var anchor: String? {
        switch unsafe event.type {
        case YAML_SCALAR_EVENT: unsafe Self.text(event.data.scalar.anchor)
        case YAML_MAPPING_START_EVENT: unsafe Self.text(event.data.mapping_start.anchor)
        case YAML_SEQUENCE_START_EVENT: unsafe Self.text(event.data.sequence_start.anchor)
        case YAML_ALIAS_EVENT: unsafe Self.text(event.data.alias.anchor)
        default: nil
        }
    }

    /// The tag that the author wrote, in its long form.
    var tag: String? {
        switch unsafe event.type {
        case YAML_SCALAR_EVENT: unsafe Self.text(event.data.scalar.tag)
        case YAML_MAPPING_START_EVENT: unsafe Self.text(event.data.mapping_start.tag)
        case YAML_SEQUENCE_START_EVENT: unsafe Self.text(event.data.sequence_start.tag)
        default: nil
        }
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
