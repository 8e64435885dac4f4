import HTTPTypes
package import Hummingbird

/// Answers `HEAD` like `GET`, without a body (RFC 9110, 9.3.2), on every address.
///
/// It wraps the router, which does not know `HEAD`; metrics count such a request as a `GET`.
package struct HeadRequestResponder<Inner: HTTPResponder>: HTTPResponder {
    let inner: Inner

    package init(inner: Inner) {
        self.inner = inner
    }

    @concurrent package func respond(to request: Request, context: Inner.Context) async throws -> Response {
        guard request.method == .head else { return try await inner.respond(to: request, context: context) }
        var head = request.head
        head.method = .get
        return try await inner.respond(to: Request(head: head, body: request.body), context: context).withoutBody
    }
}

extension Response {
    /// The same head, with the length of the omitted body.
    fileprivate var withoutBody: Response {
        guard body.contentLength == nil else { return Response(status: status, headers: headers) }
        // The length is unknown, so the server frames an empty chunked body. A client of HEAD does not read its end and
        // would take it for the next answer; closing the connection prevents that.
        var headers = headers
        headers[.connection] = "close"
        return Response(status: status, headers: headers, body: .init { try await $0.finish(nil) })
    }
}
