public import NIOCore
public import NIOHTTP1

/// What is posted.
public struct PostRequest: Sendable {
    /// From the slash on, with the query if there is one.
    public var path: String
    /// All but `Host` and `Content-Length`, which are added.
    public var headers: HTTPHeaders
    public var body: ByteBuffer

    public init(path: String, headers: HTTPHeaders = [:], body: ByteBuffer) {
        self.path = path
        self.headers = headers
        self.body = body
    }

    /// Why this cannot be a request: it would end a line early, and what follows would be read as something else.
    var problem: String? {
        if !path.hasPrefix("/") || path.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }) {
            return "the path of the request holds a space or a control character, or does not begin with a slash"
        }
        for (name, value) in headers where value.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }) {
            return "the value of \(name) holds a control character"
        }
        return nil
    }

    func head(for authority: String) -> HTTPRequestHead {
        var all = HTTPHeaders()
        all.reserveCapacity(headers.count + 2)
        all.add(name: "Host", value: authority)
        all.add(contentsOf: headers)
        all.add(name: "Content-Length", value: String(body.readableBytes))
        return HTTPRequestHead(version: .http1_1, method: .POST, uri: path, headers: all)
    }
}
