public import NIOCore
public import NIOHTTP1

/// What became of a request.
public enum PostOutcome: Sendable {
    case answered(PostAnswer)
    /// Not a byte of it has left: whoever was asked does not know of it.
    case notWritten(reason: String)
    /// No connection was free for as long as it was to wait for one; not a byte of it has left.
    case expired
    /// It was written, at least in part, and no whole answer came: it may have been carried out.
    case lost(reason: String)
}

/// An answer of a server, whatever it says.
public struct PostAnswer: Sendable {
    public let status: Int
    public let headers: HTTPHeaders
    public let body: ByteBuffer
}
