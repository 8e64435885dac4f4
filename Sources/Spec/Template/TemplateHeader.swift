public import JSON
import YAML

/// The part of a template above its body.
public enum TemplateHeader: Hashable, Sendable {
    /// A kind of file in a header.
    public enum Format: String, Hashable, Sendable, CaseIterable {
        case image, video, document
    }

    /// The place of a file: an address that WhatsApp fetches, the id of an uploaded file, or a file beside the spec.
    public enum Medium: Hashable, Sendable {
        case link(String)
        case id(String)
        /// The path beside the spec, before the file was found.
        case file(String)
        /// The file that the path led to.
        case stored(MediaReference)

        var text: String {
            switch self {
            case .link(let text), .id(let text), .file(let text): text
            case .stored(let reference): reference.text
            }
        }

        /// Reads an address or an id; `nil` if the text is neither.
        init?(_ text: String) {
            let isID = !text.isEmpty && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            if isID {
                self = .id(text)
            } else if FieldCodec<String>.isLink(text) {
                self = .link(text)
            } else {
                return nil
            }
        }
    }

    /// A text with at most one variable.
    case text(String)
    /// A file; `nil` if each campaign gives its own.
    case medium(Format, Medium?)
    /// A place on the map, which each campaign gives.
    case location
    /// A product of a catalog, which each campaign gives.
    case product

    /// The text; `nil` for other headers.
    var text: String? {
        if case .text(let text) = self { text } else { nil }
    }

    /// The word for its kind: `text`, or the key of a spec.
    var kind: String {
        switch self {
        case .text: "text"
        case .location: "location"
        case .product: "product"
        case .medium(let format, _): format.rawValue
        }
    }

    /// The header in the form of a spec.
    public var json: JSONValue {
        switch self {
        case .text(let text): .string(text)
        case .medium(let format, let medium): [format.rawValue: medium.map { .string($0.text) } ?? true]
        case .location: ["location": true]
        case .product: ["product": true]
        }
    }
}

extension FieldCodec<TemplateHeader> {
    /// Reads a header.
    ///
    /// - Parameter formats: The files that it may be, if it may only be a file or a product.
    /// - Returns: The codec.
    static func header(only formats: [TemplateHeader.Format]? = nil) -> Self {
        let others: [TemplateHeader] = formats == nil ? [.location, .product] : [.product]
        let mapping = object(formats ?? TemplateHeader.Format.allCases, others)
        let text = FieldCodec<String>.part(upTo: 60, variables: 1)
        var schema = formats == nil ? SchemaValue.anyOf(text.schema, mapping.value) : mapping.value
        schema.parts = mapping.value.parts
        return Self(
            schema: schema,
            read: { reader, key in
                if formats == nil, reader.peek(key)?.node.isScalar == true {
                    return text.read(&reader, key).map(TemplateHeader.text)
                }
                return Self.header(&reader, key, formats ?? TemplateHeader.Format.allCases, others)
            },
            json: { $0.json }
        )
    }

    private static func object(_ formats: [TemplateHeader.Format], _ others: [TemplateHeader]) -> SchemaObject {
        var fields = formats.map { format in
            SchemaField(
                format.rawValue,
                .anyOf(
                    SchemaValue(["const": true], words: "`true`"),
                    .text(upTo: 2000, pattern: "^(https?://((?!\\{\\{)\\S)+|[0-9]+|\\.\\.?/.+)$")
                ),
                format.meaning
                    + " The value is what campaigns send unless they give another one: a link, the path of a file relative to "
                    + "this one, or the id of an uploaded file. With `true`, each campaign gives it as `header.link` or "
                    + "`header.id`.",
                examples: .string("https://shop.acme.example/spring.\(format.ending)"),
                true
            )
        }
        fields += others.map { header in
            SchemaField(
                header.kind,
                SchemaValue(["const": true], words: "`true`"),
                header == .location
                    ? "A place on the map. Each campaign gives `header.latitude` and `header.longitude`, and `header.name` and "
                        + "`header.address` if they are to be shown."
                    : "A product of the catalog, with its picture and price. Each campaign gives its id in the catalog as "
                        + "`header.product`, and the id of the catalog as `header.catalog`.",
                examples: true
            )
        }
        return SchemaObject(fields, rules: [.oneOf(fields.map(\.name))])
    }

    private static func header(
        _ reader: inout FieldReader,
        _ key: String,
        _ formats: [TemplateHeader.Format],
        _ others: [TemplateHeader]
    ) -> TemplateHeader? {
        guard let read = reader.node(key) else { return nil }
        guard read.node.mapping != nil else {
            let expected = others.contains(.location) ? "a text or a mapping" : "a mapping"
            reader.sink.reportWrongType(of: read.node, field: read.field, expected: expected)
            return nil
        }
        return reader.mapping(key) { nested in
            let given = formats.map(\.rawValue) + others.map(\.kind)
            let found = given.filter { nested.has($0) }
            for key in given { _ = nested.node(key) }
            guard found.count == 1 else {
                let message = found.isEmpty ? "the header has no content" : "the header has more than one content"
                let help = "give one of \(given.map { "`\($0)`" }.joined(separator: ", "))"
                nested.sink.report(.invalidValue, at: nested.node.range, field: nested.path, message, help: help)
                return nil
            }
            if let other = others.first(where: { $0.kind == found[0] }) {
                return nested.bool(other.kind) == true ? other : wrong(&nested, other.kind, "`true`")
            }
            guard let format = formats.first(where: { $0.rawValue == found[0] }) else { return nil }
            return medium(&nested, format)
        }
    }

    private static func wrong(_ reader: inout FieldReader, _ key: String, _ help: String) -> TemplateHeader? {
        // A value of another type was reported.
        guard let place = reader.peek(key), case .bool = place.node.scalar?.value else { return nil }
        reader.sink.report(
            .invalidValue,
            at: place.range,
            field: place.field,
            "`\(key)` is false",
            help: "write \(help)"
        )
        return nil
    }

    private static func medium(_ reader: inout FieldReader, _ format: TemplateHeader.Format) -> TemplateHeader? {
        let key = format.rawValue
        guard let read = reader.node(key) else { return nil }
        if case .bool(let value) = read.node.scalar?.value {
            return value ? .medium(format, nil) : wrong(&reader, key, "`true`, a link or an id")
        }
        guard let text = reader.text(key, required: false, upTo: 2000) else { return nil }
        if let medium = TemplateHeader.Medium(text.value) { return .medium(format, medium) }
        // A row or a canonical form has no file of its own.
        if reader.sink.file.isEmpty, let reference = MediaReference(text.value) {
            return .medium(format, .stored(reference))
        }
        if reader.sink.isStored { return .medium(format, .link(text.value)) }
        if MediaFiles.isPath(text.value), !reader.sink.file.isEmpty { return .medium(format, .file(text.value)) }
        let message = "`\(text.value)` is neither a link, a path nor an id"
        let help =
            "give a link such as `https://shop.example/spring.jpg`, a path such as `./images/spring.jpg`, the id of an "
            + "uploaded file, or `true`"
        reader.sink.report(.invalidValue, at: text.range, field: text.field, message, help: help)
        return nil
    }
}

extension FieldCodec<String> {
    /// Returns true if a text is a web address without variables.
    static func isLink(_ text: String) -> Bool {
        guard let scheme = ["https://", "http://"].first(where: text.hasPrefix), text != scheme else { return false }
        let hasBlank = text.unicodeScalars.contains(where: \.properties.isWhitespace)
        return !hasBlank && PlaceholderText(text).pair(PlaceholderText.open) == nil
    }
}

extension TemplateHeader.Format {
    fileprivate var meaning: String {
        switch self {
        case .image: "A picture: JPEG or PNG, at most 5 MB."
        case .video: "A film: MP4 or 3GP, at most 16 MB."
        case .document: "A document, such as a PDF, at most 100 MB. A campaign can name it with `header.filename`."
        }
    }

    fileprivate var ending: String {
        switch self {
        case .image: "jpg"
        case .video: "mp4"
        case .document: "pdf"
        }
    }
}
