import NIOCore
import NIOPosix
import NIOSSL
import OneShotHTTP

extension PostRequest {
    static let small = PostRequest(path: "/", body: ByteBuffer(string: "small"))
}

extension PostAnswer {
    var text: String { String(buffer: body) }
}

extension PostOutcome {
    var answer: PostAnswer? { if case .answered(let answer) = self { answer } else { nil } }
    var unwrittenReason: String? { if case .notWritten(let reason) = self { reason } else { nil } }
    var lostReason: String? { if case .lost(let reason) = self { reason } else { nil } }
}

/// Number of event loops of a poster.
enum Loops {
    case all
    /// The next request waits in the same queue.
    case one
}

/// Runs `body` with a poster.
func withPoster(
    host: String = "127.0.0.1",
    port: Int,
    scheme: String = "http",
    connections: Int = 64,
    connectTimeout: Duration = .seconds(5),
    requestTimeout: Duration = .seconds(30),
    idleTimeout: Duration = .seconds(3),
    largestAnswer: Int = 64 * 1024,
    tls: TLSConfiguration = .makeClientConfiguration(),
    proxy: HTTPProxy? = nil,
    loops: Loops = .all,
    _ body: (HTTPPoster) async throws -> Void
) async throws {
    guard let origin = HTTPOrigin(url: "\(scheme)://\(host):\(port)") else { preconditionFailure("no address") }
    let all = MultiThreadedEventLoopGroup.singleton
    let poster = try await HTTPPoster.make(
        for: origin,
        configuration: HTTPPosterConfiguration(
            connectTimeout: connectTimeout,
            requestTimeout: requestTimeout,
            idleTimeout: idleTimeout,
            connections: connections,
            largestAnswer: largestAnswer,
            tls: tls,
            proxy: proxy
        ),
        group: loops == .all ? all : all.next()
    )
    let result: Result<Void, any Error>
    do { result = .success(try await body(poster)) } catch { result = .failure(error) }
    await poster.shutdown()
    try result.get()
}
