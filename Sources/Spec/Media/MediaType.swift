import Crypto

/// The types of files that WhatsApp takes in headers and messages.
enum MediaType: String, CaseIterable, Sendable {
    case jpeg = "image/jpeg"
    case png = "image/png"
    case mp4 = "video/mp4"
    case threeGP = "video/3gpp"
    case pdf = "application/pdf"
    case text = "text/plain"
    case doc = "application/msword"
    case xls = "application/vnd.ms-excel"
    case ppt = "application/vnd.ms-powerpoint"
    case docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    case xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    case pptx = "application/vnd.openxmlformats-officedocument.presentationml.presentation"

    /// The endings of names, the usual one first.
    var endings: [String] {
        switch self {
        case .jpeg: ["jpg", "jpeg"]
        case .png: ["png"]
        case .mp4: ["mp4"]
        case .threeGP: ["3gp"]
        case .pdf: ["pdf"]
        case .text: ["txt"]
        case .doc: ["doc"]
        case .xls: ["xls"]
        case .ppt: ["ppt"]
        case .docx: ["docx"]
        case .xlsx: ["xlsx"]
        case .pptx: ["pptx"]
        }
    }

    /// The most bytes of a file beside a spec; WhatsApp fetches larger documents by a link only.
    var limit: Int {
        switch self {
        case .jpeg, .png: 5 << 20
        default: MediaFiles.largest
        }
    }

    init?(ending: String) {
        guard let type = Self.allCases.first(where: { $0.endings.contains(ending) }) else { return nil }
        self = type
    }
}

/// A problem of a file, with its remedy.
struct MediaProblem: Error, Hashable, CustomStringConvertible {
    let code: DiagnosticCode
    let message: String
    let help: String

    var description: String { "\(message); \(help)" }

    init(_ code: DiagnosticCode, _ message: String, help: String) {
        (self.code, self.message, self.help) = (code, message, help)
    }

    /// Makes a problem of the content.
    init(_ message: String, help: String) {
        self.init(.mediaContent, message, help: help)
    }
}

/// Recognizes a file by its bytes, and finds what WhatsApp would refuse.
struct MediaInspection {
    let reference: MediaReference
    /// Possible problems; the file can be used nevertheless.
    let doubts: [MediaProblem]

    /// Inspects a whole file.
    ///
    /// - Parameters:
    ///   - bytes: The content.
    ///   - name: The name of the file, with its ending.
    /// - Throws: ``MediaProblem`` if WhatsApp certainly refuses it.
    init(_ bytes: [UInt8], name: String) throws(MediaProblem) {
        // Only the last step of a path has an ending, and not every name has one.
        let parts = (name.split(separator: "/").last ?? "").split(separator: ".", omittingEmptySubsequences: false)
        let ending = parts.count > 1 ? parts[parts.count - 1].lowercased() : ""
        let types = Self.types(of: bytes)
        guard let type = types.first(where: { $0.endings.contains(ending) }) ?? types.first else {
            throw MediaProblem(
                bytes.isEmpty ? "the file is empty" : "this is no file of a type that WhatsApp takes",
                help: "use JPEG, PNG, MP4, 3GP, PDF, a text, or a document of an office program"
            )
        }
        guard type.endings.contains(ending) else {
            throw MediaProblem(
                "the content is of the type `\(type.rawValue)`, and the name "
                    + (ending.isEmpty ? "has no ending" : "ends with `.\(ending)`"),
                help: "rename it so that it ends with `.\(type.endings[0])`, or export it again"
            )
        }
        guard bytes.count <= type.limit else {
            throw MediaProblem(
                .mediaSize,
                "the file has \(bytes.count) bytes, more than the \(type.limit) of `\(type.rawValue)`",
                help: type.limit == MediaFiles.largest
                    ? "make it smaller, or give a link to it" : "make it smaller: WhatsApp takes no larger ones"
            )
        }
        var (size, doubts): (MediaReference.Size?, [MediaProblem]) = (nil, [])
        switch type {
        case .png: (size, doubts) = try Self.png(bytes)
        case .jpeg: size = try Self.jpeg(bytes)
        case .mp4, .threeGP: doubts = try Self.film(bytes)
        default: break
        }
        let digest = SHA256.hash(data: bytes).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        reference = MediaReference(digest: digest, type: type.rawValue, count: bytes.count, size: size)
        self.doubts = doubts
    }

    /// Returns the types that the first bytes may be of; those of office programs share theirs.
    static func types(of bytes: [UInt8]) -> [MediaType] {
        if bytes.starts(with: [0xFF, 0xD8, 0xFF]) { return [.jpeg] }
        if bytes.starts(with: pngSignature) { return [.png] }
        if bytes.starts(with: "%PDF-".utf8) { return [.pdf] }
        if bytes.count >= 12, bytes[4..<8].elementsEqual("ftyp".utf8) {
            let brand = String(decoding: bytes[8..<12], as: UTF8.self)
            if brand.hasPrefix("3g") { return [.threeGP] }
            return otherBrands.contains(brand) ? [] : [.mp4]
        }
        if bytes.starts(with: [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1]) { return [.doc, .xls, .ppt] }
        if bytes.starts(with: [0x50, 0x4B, 0x03, 0x04]) { return [.docx, .xlsx, .pptx] }
        let isText = !bytes.isEmpty && !bytes.contains(0) && String(validating: bytes, as: UTF8.self) != nil
        return isText ? [.text] : []
    }

    /// The brands of pictures, sound and QuickTime, which have the form of films.
    private static let otherBrands: Set = [
        "heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1", "avif", "avis", "crx ", "M4A ", "M4B ", "M4P ",
        "qt  ",
    ]

    private static let pngSignature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

    private static func number(_ bytes: [UInt8], at index: Int, _ count: Int = 4) -> Int {
        bytes[index..<(index + count)].reduce(0) { $0 << 8 | Int($1) }
    }

    private static let broken = MediaProblem(
        "the file is damaged or cut off",
        help: "copy it again, or export it again with an image editor"
    )

    /// Walks the chunks of a PNG: the header first, the end last.
    private static func png(_ bytes: [UInt8]) throws(MediaProblem) -> (MediaReference.Size, [MediaProblem]) {
        var (index, hasData, isWhole) = (pngSignature.count, false, false)
        while index + 12 <= bytes.count, !isWhole {
            let length = number(bytes, at: index)
            let kind = String(decoding: bytes[(index + 4)..<(index + 8)], as: UTF8.self)
            guard length <= bytes.count - index - 12, (index == pngSignature.count) == (kind == "IHDR") else { break }
            hasData = hasData || kind == "IDAT"
            isWhole = kind == "IEND"
            index += 12 + length
        }
        guard isWhole, hasData, number(bytes, at: pngSignature.count) == 13 else { throw broken }
        let size = MediaReference.Size(width: number(bytes, at: 16), height: number(bytes, at: 20))
        guard size.width > 0, size.height > 0 else { throw broken }
        let (depth, color) = (bytes[24], bytes[25])
        guard [0, 2, 3, 4, 6].contains(color), depth <= 8 else {
            let message = depth == 16 ? "the image has 16 bits a color" : "the image has an unknown color type"
            throw depth == 16 ? MediaProblem(message, help: "export it with 8 bits a color, as RGB") : broken
        }
        guard color != 2, color != 6 else { return (size, []) }
        let message = "the image has \(color == 3 ? "a palette" : "shades of gray"), and WhatsApp documents RGB only"
        return (size, [MediaProblem(.mediaDoubt, message, help: "export it as RGB, with or without transparency")])
    }

    /// Walks the segments of a JPEG up to the frame that tells its size.
    private static func jpeg(_ bytes: [UInt8]) throws(MediaProblem) -> MediaReference.Size {
        var index = 2
        while index + 4 <= bytes.count, bytes[index] == 0xFF {
            let marker = bytes[index + 1]
            if marker == 0xFF {
                index += 1
                continue
            }
            let length = number(bytes, at: index + 2, 2)
            guard length >= 2, index + 2 + length <= bytes.count, marker != 0xD9, marker != 0xDA else { break }
            if (0xC0...0xCF).contains(marker), ![0xC4, 0xC8, 0xCC].contains(marker) {
                guard length >= 8 else { break }
                let size = MediaReference.Size(
                    width: number(bytes, at: index + 7, 2),
                    height: number(bytes, at: index + 5, 2)
                )
                guard bytes[index + 4] == 8 else {
                    throw MediaProblem(
                        "the image has \(bytes[index + 4]) bits a color",
                        help: "export it with 8 bits a color, as RGB"
                    )
                }
                guard bytes[index + 9] != 4 else {
                    throw MediaProblem("the colors of the image are CMYK, for printing", help: "export it as RGB")
                }
                let rest = bytes[(index + 2 + length)...]
                let hasEnd = zip(rest, rest.dropFirst()).contains { $0 == 0xFF && $1 == 0xD9 }
                guard size.width > 0, size.height > 0, hasEnd else { break }
                return size
            }
            index += 2 + length
        }
        throw broken
    }

    /// Walks the outer boxes of a film.
    private static func film(_ bytes: [UInt8]) throws(MediaProblem) -> [MediaProblem] {
        var (index, kinds): (Int, [String]) = (0, [])
        while index + 8 <= bytes.count {
            var length = number(bytes, at: index)
            if length == 1, index + 16 <= bytes.count, bytes[index + 8] == 0 {
                length = number(bytes, at: index + 8, 8)
            }
            if length == 0 { length = bytes.count - index }
            guard length >= 8, length <= bytes.count - index else { throw broken }
            kinds.append(String(decoding: bytes[(index + 4)..<(index + 8)], as: UTF8.self))
            index += length
        }
        guard index == bytes.count, let head = kinds.firstIndex(of: "moov"), let data = kinds.firstIndex(of: "mdat")
        else { throw broken }
        guard data < head else { return [] }
        let message = "the film has its index (`moov`) at the end, so that phones load all of it before they play"
        let help = "write it with `ffmpeg -i … -c copy -movflags +faststart …`"
        return [MediaProblem(.mediaDoubt, message, help: help)]
    }
}
