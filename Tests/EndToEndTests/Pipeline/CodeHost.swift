import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Synchronization

/// The parts of the APIs of GitHub and GitLab that `reconcile-ci` uses, served over HTTP.
final class CodeHost: Sendable {
    struct Comment: Hashable, Sendable {
        let id: Int
        let author: String
        var body: String
    }

    /// The token that callers have to send.
    static let token = "token-of-the-pipeline"
    /// The author of comments that are written with the token.
    static let author = "github-actions[bot]"

    private struct State {
        var comments: [Comment] = []
        var requests: [String] = []
        /// Labels of the request that was merged, by the commit of its merge.
        var merged: [String: [String]] = [:]
    }

    private let state = Mutex(State())

    var comments: [Comment] { state.withLock { $0.comments } }
    var requests: [String] { state.withLock { $0.requests } }

    func add(_ comment: String, by author: String) {
        state.withLock { $0.comments.append(Comment(id: $0.comments.count + 1, author: author, body: comment)) }
    }

    func merge(as commit: String, labels: [String]) { state.withLock { $0.merged[commit] = labels } }

    /// Serves on a free port while `body` runs.
    static func with(_ body: (CodeHost, _ url: String) async throws -> Void) async throws {
        let host = CodeHost()
        let (ports, found) = AsyncStream<Int>.makeStream()
        let application = Application(
            responder: CallbackResponder { (request: Request, _: BasicRequestContext) in try await host.answer(request)
            },
            configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { found.yield($0.localAddress?.port ?? 0) },
            logger: Logger(label: "code host") { _ in SwiftLogNoOpLogHandler() }
        )
        let server = Task { try await application.run() }
        let port = await ports.first { _ in true } ?? 0
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(host, "http://127.0.0.1:\(port)"))
        } catch {
            result = .failure(error)
        }
        server.cancel()
        _ = await server.result
        try result.get()
    }

    private func answer(_ request: Request) async throws -> Response {
        let sent = [request.headers[.authorization], HTTPField.Name("PRIVATE-TOKEN").flatMap { request.headers[$0] }]
        guard sent.contains("Bearer \(Self.token)") || sent.contains(Self.token) else {
            return Response(status: .unauthorized)
        }
        let data = Data(try await request.body.collect(upTo: 1 << 20).readableBytesView)
        let text = (try? JSONSerialization.jsonObject(with: data) as? [String: Any])?["body"] as? String
        let path = request.uri.path.split(separator: "/").map(String.init)
        return state.withLock { state in
            state.requests.append("\(request.method) \(request.uri.path)")
            let number = path.last.flatMap(Int.init)
            switch (request.method, path.last) {
            case (.get, "user"): return Self.json(["id": 42])
            case (.get, "comments"), (.get, "notes"):
                let page = request.uri.queryParameters["page"].flatMap { Int($0) } ?? 1
                let part = state.comments.dropFirst((page - 1) * 100).prefix(100)
                return Self.json(part.map(Self.fields))
            case (.get, "pulls"), (.get, "merge_requests"):
                let commit = path[path.count - 2]
                let labels = state.merged[commit] ?? []
                guard path.last == "pulls" else {
                    return Self.json([
                        ["state": "merged", "target_branch": "main", "merge_commit_sha": commit, "labels": labels],
                        ["state": "opened", "target_branch": "main", "sha": commit, "labels": ["--allow-empty"]],
                    ])
                }
                return Self.json([
                    [
                        "merged_at": "2026-11-29T10:00:00Z", "merge_commit_sha": commit, "base": ["ref": "main"],
                        "labels": labels.map { ["name": $0] },
                    ],
                    // An open request that contains the commit allows nothing.
                    [
                        "merged_at": NSNull(), "merge_commit_sha": commit, "base": ["ref": "main"],
                        "labels": [["name": "--allow-empty"]],
                    ],
                ])
            case (.post, "comments"), (.post, "notes"):
                guard let text, text.count <= 65_536 else { return Response(status: .unprocessableContent) }
                state.comments.append(Comment(id: state.comments.count + 1, author: Self.author, body: text))
                return Self.json(["id": state.comments.count])
            case (.patch, _), (.put, _):
                guard let text, let index = state.comments.firstIndex(where: { $0.id == number }) else {
                    return Response(status: .notFound)
                }
                state.comments[index].body = text
                return Self.json(["id": index + 1])
            default: return Response(status: .notFound)
            }
        }
    }

    /// The fields of both services.
    private static func fields(_ comment: Comment) -> [String: Any] {
        [
            "id": comment.id, "body": comment.body, "user": ["login": comment.author, "type": "Bot"],
            "author": ["id": comment.author == author ? 42 : 7],
        ]
    }

    private static func json(_ value: Any) -> Response {
        // Only values of JSON are passed, so this cannot fail.
        let data = (try? JSONSerialization.data(withJSONObject: value)) ?? Data()
        return Response(status: .ok, body: .init(byteBuffer: ByteBuffer(bytes: data)))
    }
}
