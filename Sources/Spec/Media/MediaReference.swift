package import JSON

/// A file beside a spec, by its content.
///
/// Specs name a file by its path. Wherever a row, a plan or a revision has the text of a path, it has the text of the
/// reference instead, so that another content is another value: `sha256:… (image/png, 34,816 bytes, 1200x630)`.
public struct MediaReference: Hashable, Sendable {
    /// The width and the height of an image.
    public struct Size: Hashable, Sendable {
        public let width: Int
        public let height: Int
    }

    /// The SHA-256 of the bytes, as 64 hexadecimal digits.
    public let digest: String
    /// The media type, such as `image/jpeg`.
    public let type: String
    /// The number of bytes.
    public let count: Int
    /// In pixels; `nil` for files that are no images.
    public let size: Size?

    init(digest: String, type: String, count: Int, size: Size? = nil) {
        (self.digest, self.type, self.count, self.size) = (digest, type, count, size)
    }

    /// Reads the text of a reference; `nil` for any other text.
    public init?(_ text: String) {
        guard text.hasPrefix(Self.prefix), text.hasSuffix(")"), let open = text.firstIndex(of: "(") else { return nil }
        let digest = text[..<open].dropFirst(Self.prefix.count).dropLast()
        let facts = text[open...].dropFirst().dropLast().split(separator: ", ").map(String.init)
        guard Self.isDigest(String(digest)), (2...3).contains(facts.count), facts[0].contains("/"),
            facts[1].hasSuffix(" bytes"), let count = Int(facts[1].dropLast(" bytes".count).filter { $0 != "," })
        else { return nil }
        var size: Size?
        if facts.count == 3 {
            let numbers = facts[2].split(separator: "x").compactMap { Int($0) }
            guard numbers.count == 2 else { return nil }
            size = Size(width: numbers[0], height: numbers[1])
        }
        self.init(digest: String(digest), type: facts[0], count: count, size: size)
        guard self.text == text else { return nil }
    }

    private static let prefix = "sha256:"

    /// Returns true for 64 hexadecimal digits in lower case.
    private static func isDigest(_ text: String) -> Bool {
        text.utf8.count == 64 && text.utf8.allSatisfy { "0123456789abcdef".utf8.contains($0) }
    }

    /// The text that takes the place of the path.
    public var text: String {
        var facts = [type, "\(Self.grouped(count)) bytes"]
        if let size { facts.append("\(size.width)x\(size.height)") }
        return "\(Self.prefix)\(digest) (\(facts.joined(separator: ", ")))"
    }

    private static func grouped(_ number: Int) -> String {
        let digits = Array(String(number))
        return digits.indices.map { ($0 > 0 && (digits.count - $0) % 3 == 0 ? "," : "") + String(digits[$0]) }.joined()
    }

    /// Returns the type of a file whose name is not known; `nil` if WhatsApp takes none of its types.
    package static func type(of bytes: some Collection<UInt8>) -> String? {
        MediaInspection.types(of: Array(bytes.prefix(512))).first?.rawValue
    }

    /// Returns the usual ending of a file of a type, without a dot.
    package static func ending(ofType type: String) -> String { MediaType(rawValue: type)?.endings.first ?? "bin" }

    /// The types of files that WhatsApp's reviewers can be shown (the page "Resumable Upload API").
    package static let reviewedTypes = ["image/jpeg", "image/png", "video/mp4", "application/pdf"]

    /// The kind of header or message that can hold the file.
    var format: TemplateHeader.Format {
        if type.hasPrefix("image/") { .image } else if type.hasPrefix("video/") { .video } else { .document }
    }
}

extension MediaReference {
    private static let opening = "{{media."

    /// The text that stands in messages for the id under which a number has uploaded the file.
    ///
    /// It has the form of a placeholder that versions before files do not know, so that they refuse to send the message
    /// rather than send it without its file.
    var placeholder: String { "\(Self.opening)\(digest)}}" }

    /// Returns the digest that a text of a message stands for; `nil` for any other text.
    static func digest(ofPlaceholder text: String) -> String? {
        guard text.hasPrefix(opening), text.hasSuffix("}}") else { return nil }
        let digest = String(text.dropFirst(opening.count).dropLast(2))
        return isDigest(digest) ? digest : nil
    }
}

extension MediaReference {
    /// Returns a message in which each link that is a reference has become the id of the uploaded file.
    static func resolving(_ message: JSONValue) -> JSONValue {
        switch message {
        case .array(let items): return .array(items.map(resolving))
        case .object(var fields):
            if let reference = fields["link"]?.stringValue.flatMap(MediaReference.init) {
                fields["link"] = nil
                fields["id"] = .string(reference.placeholder)
                return .object(fields)
            }
            return .object(fields.mapValues(resolving))
        case .null, .bool, .integer, .number, .string: return message
        }
    }

    /// Returns the content of a row in which the paths of files stand for the files again.
    ///
    /// - Parameters:
    ///   - content: The content of a row.
    ///   - path: Returns the path of the file with a digest.
    /// - Returns: The content with paths.
    package static func naming(_ content: JSONValue, _ path: (String) -> String) -> JSONValue {
        switch content {
        case .string(let text): return MediaReference(text).map { .string(path($0.digest)) } ?? content
        case .array(let items): return .array(items.map { naming($0, path) })
        case .object(var fields):
            if let digest = fields["id"]?.stringValue.flatMap(digest(ofPlaceholder:)) {
                fields["id"] = nil
                fields["link"] = .string(path(digest))
            }
            return .object(fields.mapValues { naming($0, path) })
        case .null, .bool, .integer, .number: return content
        }
    }

    /// Returns a message in which an id of digits stands for each file, to check the rest of it.
    static func hidingFiles(in message: JSONValue) -> JSONValue {
        switch message {
        case .string(let text): digest(ofPlaceholder: text) == nil ? message : "1"
        case .array(let items): .array(items.map(hidingFiles))
        case .object(let fields): .object(fields.mapValues(hidingFiles))
        case .null, .bool, .integer, .number: message
        }
    }
}
