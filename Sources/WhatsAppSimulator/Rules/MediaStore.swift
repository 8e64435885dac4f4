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
        /// The time after which it is gone, in milliseconds.
        let end: Int64

        var digest: String { MediaStore.digest(of: data) }
    }

    static let longestUpload = 101 << 20
    private static let life = 30 * SimulatedClock.day
    /// Maximum number of bytes that are kept; older media are forgotten.
    private static let capacity = 1 << 26

    private let items = Mutex<(list: [Item], serial: Int)>(([], 0))

    /// Stores a part of an upload.
    func add(_ part: MultipartBody.Part, phoneNumberID: String, now: Int64) -> Item {
        items.withLock { items in
            items.serial += 1
            let item = Item(
                id: "\(900_000_000_000_000 + items.serial)",
                phoneNumberID: phoneNumberID,
                type: part.type,
                data: part.data,
                end: now + Self.life
            )
            items.list.append(item)
            while items.list.count > 1, items.list.reduce(0, { $0 + $1.data.count }) > Self.capacity {
                items.list.removeFirst()
            }
            return item
        }
    }

    /// Returns a medium that is not older than 30 days.
    func find(_ id: String, now: Int64) -> Item? {
        items.withLock { items in
            items.list.first { $0.id == id && $0.end > now }
        }
    }

    /// Returns true if there was such an item.
    func remove(_ id: String) -> Bool {
        items.withLock { items in
            let index = items.list.firstIndex { $0.id == id }
            if let index { items.list.remove(at: index) }
            return index != nil
        }
    }
}

extension MediaStore {
    private static let megabyte = 1 << 20
    /// The greatest sizes by type; types that are not here are refused.
    private static let sizes: [String: Int] = [
        "image/jpeg": 5 * megabyte, "image/png": 5 * megabyte, "image/webp": 500 << 10, "video/mp4": 16 * megabyte,
        "video/3gpp": 16 * megabyte, "audio/aac": 16 * megabyte, "audio/amr": 16 * megabyte,
        "audio/mpeg": 16 * megabyte, "audio/mp4": 16 * megabyte, "audio/ogg": 16 * megabyte,
    ]

    static func digest(of data: [UInt8]) -> String {
        SHA256.hash(data: data).map { String(format: "%02x", $0) }.joined()
    }

    /// Returns the error for a file of another type or size than the service takes.
    static func refusal(of file: MultipartBody.Part) -> GraphError? {
        let type = String(file.type.prefix { $0 != ";" }).lowercased()
        let isDocument = type == "text/plain" || type.hasPrefix("application/")
        guard let most = sizes[type] ?? (isDocument ? 100 * megabyte : nil) else {
            return .wrongParameter("Param file must be a file of another type than \(type)")
        }
        guard file.data.count <= most else {
            return GraphError(code: 131_053, details: "\(type) can have at most \(most) bytes")
        }
        return nil
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
