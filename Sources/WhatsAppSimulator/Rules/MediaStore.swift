import Crypto
import Foundation
import Synchronization

/// The media that were uploaded, the newest ones; ids are numbers, as those of the real service.
final class MediaStore: Sendable {
    struct Item: Sendable {
        let id: String
        let phoneNumberID: String
        let type: String
        let data: [UInt8]

        var digest: String { SHA256.hash(data: data).map { String(format: "%02x", $0) }.joined() }
    }

    static let longestUpload = 1 << 24
    /// Maximum number of bytes that are kept; older media are forgotten.
    private static let capacity = 1 << 26

    private let items = Mutex<(list: [Item], serial: Int)>(([], 0))

    /// Stores a part of an upload.
    func add(_ part: MultipartBody.Part, phoneNumberID: String) -> Item {
        items.withLock { items in
            items.serial += 1
            let item = Item(
                id: "\(900_000_000_000_000 + items.serial)",
                phoneNumberID: phoneNumberID,
                type: part.type,
                data: part.data
            )
            items.list.append(item)
            while items.list.count > 1, items.list.reduce(0, { $0 + $1.data.count }) > Self.capacity {
                items.list.removeFirst()
            }
            return item
        }
    }

    func find(_ id: String) -> Item? { items.withLock { $0.list.first { $0.id == id } } }

    /// Returns true if there was such an item.
    func remove(_ id: String) -> Bool {
        items.withLock { items in
            let index = items.list.firstIndex { $0.id == id }
            if let index { items.list.remove(at: index) }
            return index != nil
        }
    }
}

/// The parts of a form (RFC 7578).
struct MultipartBody {
    struct Part {
        let name: String
        let type: String
        let data: [UInt8]
    }

    private(set) var parts: [Part] = []

    /// Reads a body; `nil` if it is no form.
    init?(_ body: [UInt8], contentType: String) {
        guard contentType.lowercased().hasPrefix("multipart/form-data"),
            let range = contentType.range(of: "boundary=")
        else { return nil }
        let boundary = contentType[range.upperBound...].prefix { $0 != ";" }.filter { $0 != "\"" }
        let data = Data(body)
        let delimiter = Data("--\(boundary)".utf8)
        var starts: [Range<Data.Index>] = []
        var search = data.startIndex..<data.endIndex
        while let found = data.range(of: delimiter, in: search) {
            starts.append(found)
            search = found.upperBound..<data.endIndex
        }
        for (start, end) in zip(starts, starts.dropFirst()) {
            let content = data[start.upperBound..<end.lowerBound]
            guard let gap = content.range(of: Data("\r\n\r\n".utf8)) else { continue }
            let head = String(decoding: content[..<gap.lowerBound], as: UTF8.self)
            let name = head.range(of: "name=\"").map { head[$0.upperBound...].prefix { $0 != "\"" } } ?? ""
            let lines = head.split(whereSeparator: \.isNewline)
            let type = lines.first { $0.lowercased().hasPrefix("content-type:") }?.dropFirst("content-type:".count)
            parts.append(
                Part(
                    name: String(name),
                    type: type.map { $0.trimmingCharacters(in: .whitespaces) } ?? "text/plain",
                    // The line end before the delimiter belongs to the delimiter.
                    data: Array(content[gap.upperBound...].dropLast(2))
                )
            )
        }
    }

    subscript(name: String) -> Part? { parts.first { $0.name == name } }
}
