import Foundation
import NIOCore

/// Finds requests in the bytes of a connection; supports only the HTTP that the clients of the bench use.
struct RequestScanner {
    /// One complete request.
    struct Request {
        let isPost: Bool
        /// The path with its query.
        let path: String
        /// Digits of the path: the phone number id of `/v23.0/<id>/messages`.
        let sender: UInt64
        /// Digits of the `to` of the body.
        let recipient: UInt64
        let body: ByteBuffer
    }

    /// Result of a scan.
    enum Result {
        case request(Request)
        case incomplete
        case invalid
    }

    private var buffer = ByteBuffer()

    mutating func add(_ bytes: inout ByteBuffer) {
        if buffer.readableBytes == 0 { buffer = bytes } else { buffer.writeBuffer(&bytes) }
    }

    mutating func next() -> Result {
        guard buffer.readableBytes > 0 else { return .incomplete }
        let head = buffer.withUnsafeReadableBytes(Head.init(bytes:))
        guard let head else { return buffer.readableBytes > 65_536 ? .invalid : .incomplete }
        guard let length = head.contentLength else { return .invalid }
        guard buffer.readableBytes >= head.length + length else { return .incomplete }
        let line = buffer.readString(length: head.lineLength) ?? ""
        buffer.moveReaderIndex(forwardBy: head.length - head.lineLength)
        let body = buffer.readSlice(length: length) ?? ByteBuffer()
        buffer.discardReadBytes()
        let words = line.utf8.split(separator: UInt8(ascii: " "))
        guard words.count >= 2 else { return .invalid }
        return .request(
            Request(
                isPost: words[0].elementsEqual("POST".utf8),
                path: String(decoding: words[1], as: UTF8.self),
                sender: Self.sender(words[1]),
                recipient: Self.recipient(in: body),
                body: body
            )
        )
    }

    private static func sender(_ path: Substring.UTF8View) -> UInt64 {
        let parts = path.split(separator: UInt8(ascii: "/"))
        return parts.count > 1 ? digits(parts[1]) : 0
    }

    private static func recipient(in body: ByteBuffer) -> UInt64 {
        let key = Array(#""to":""#.utf8)
        return body.withUnsafeReadableBytes { bytes in
            guard let found = bytes.firstPlace(of: key) else { return 0 }
            let offset = found + key.count
            return digits(bytes[offset...].prefix { $0 != UInt8(ascii: "\"") })
        }
    }

    private static func digits(_ bytes: some Sequence<UInt8>) -> UInt64 {
        bytes.reduce(0) { $1 >= 48 && $1 <= 57 ? $0 &* 10 &+ UInt64($1 - 48) : $0 }
    }
}

/// Length of the head of a request and of its body.
private struct Head {
    let lineLength: Int
    let length: Int
    /// `nil` for a body without a length in advance.
    let contentLength: Int?

    /// - Returns: `nil` if the head is incomplete.
    init?(bytes: UnsafeRawBufferPointer) {
        let end: [UInt8] = [13, 10, 13, 10]
        guard let found = bytes.firstPlace(of: end) else { return nil }
        length = found + end.count
        lineLength = bytes.firstIndex(of: 13) ?? 0
        var contentLength: Int? = 0
        for line in bytes[..<length].split(separator: 10) {
            if line.first.map({ $0 | 32 }) == UInt8(ascii: "t"), Self.has(line, "transfer-encoding:") {
                contentLength = nil
            }
            guard line.first.map({ $0 | 32 }) == UInt8(ascii: "c"), Self.has(line, "content-length:") else { continue }
            contentLength = line.dropFirst(15).reduce(0) { $1 >= 48 && $1 <= 57 ? $0 * 10 + Int($1 - 48) : $0 }
        }
        self.contentLength = contentLength
    }

    private static func has(_ line: Slice<UnsafeRawBufferPointer>, _ name: StaticString) -> Bool {
        line.count > name.utf8CodeUnitCount
            && name.withUTF8Buffer { name in zip(line, name).allSatisfy { $0 == $1 || $0 | 32 == $1 } }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func firstPlace(of word: [UInt8]) -> Int? {
        guard let base = baseAddress else { return nil }
        var from = 0
        while from + word.count <= count, let found = memchr(base + from, Int32(word[0]), count - word.count - from + 1)
        {
            let place = base.distance(to: UnsafeRawPointer(found))
            if memcmp(base + place, word, word.count) == 0 { return place }
            from = place + 1
        }
        return nil
    }
}
