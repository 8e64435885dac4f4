import Crypto
import Foundation
import Synchronization

/// The files that were uploaded in parts for samples of templates, and their handles.
final class UploadStore: Sendable {
    struct Session: Sendable {
        /// The part of the path: `upload:…`.
        let id: String
        let signature: String
        let number: Int
        let name: String
        let type: String
        let length: Int
        var data: [UInt8] = []

        /// The handle, which is given once all bytes are here.
        var handle: String {
            let text = { (text: String) in Data(text.utf8).base64EncodedString() }
            return "4:\(text(name)):\(text(type)):ARb\(text("simulated \(number)"))"
        }

        var digest: String { SHA256.hash(data: data).map { String(format: "%02x", $0) }.joined() }
    }

    static let types: Set<String> = ["application/pdf", "image/jpeg", "image/jpg", "image/png", "video/mp4"]
    static let longest = 100 << 20
    /// Maximum number of sessions; older ones are forgotten with their files.
    private static let most = 200

    private let sessions = Mutex<(list: [Session], serial: Int)>(([], 0))

    /// Begins an upload.
    func begin(name: String, type: String, length: Int) -> Session {
        sessions.withLock { sessions in
            sessions.serial += 1
            let number = sessions.serial
            let text = Data("attachment:simulated-\(number)?file_name=\(name)".utf8).base64EncodedString()
            let id = "upload:" + text.replacing("/", with: "_").replacing("+", with: "-").filter { $0 != "=" }
            let session = Session(
                id: id,
                signature: "ARZ\(number)",
                number: number,
                name: name,
                type: type,
                length: length
            )
            sessions.list.append(session)
            if sessions.list.count > Self.most { sessions.list.removeFirst() }
            return session
        }
    }

    func find(_ id: String) -> Session? { sessions.withLock { $0.list.first { $0.id == id } } }

    /// Adds bytes at an offset, which must be the number of bytes that are here.
    ///
    /// - Returns: The session after it; `nil` if the offset is another one, or there would be too many bytes.
    func append(_ bytes: some Collection<UInt8>, to id: String, at offset: Int) -> Session? {
        sessions.withLock { sessions in
            guard let index = sessions.list.firstIndex(where: { $0.id == id }) else { return nil }
            let session = sessions.list[index]
            guard session.data.count == offset, offset + bytes.count <= session.length else { return nil }
            sessions.list[index].data.append(contentsOf: bytes)
            return sessions.list[index]
        }
    }

    /// Returns true for the handle of a file that is here as a whole.
    func isHandle(_ handle: String) -> Bool { session(handle) != nil }

    /// Returns a file by the number in its address.
    func file(_ number: Int) -> Session? { sessions.withLock { $0.list.first { $0.number == number } } }

    /// Returns the address of the file behind a handle, which differs from read to read as those of the real service.
    func address(of handle: String, host: String, now: Int64) -> String {
        guard let session = session(handle) else { return handle }
        return "http://\(host)/_simulator/cdn/\(session.number)?oe=\(String(now / 1_000 + 86_400, radix: 16))"
    }

    private func session(_ handle: String) -> Session? {
        sessions.withLock { $0.list.first { $0.handle == handle && $0.data.count == $0.length } }
    }

    func reset() { sessions.withLock { $0.list = [] } }
}
