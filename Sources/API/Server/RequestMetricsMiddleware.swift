import HTTPTypes
package import Hummingbird
package import Runtime

/// Counts requests; stands before ``ProblemMiddleware``, so that it sees the answer that is really sent.
package struct RequestMetricsMiddleware: RouterMiddleware {
    /// What the router calls a request that it has no route for.
    private static let unknown = "NotFound"

    let metrics: HTTPMetrics

    package init(metrics: HTTPMetrics) {
        self.metrics = metrics
    }

    @concurrent package func handle(
        _ request: Request,
        context: APIContext,
        next: @concurrent (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        let response = try await next(request, context)
        metrics.count(
            method: request.method.rawValue,
            route: context.endpointPath.flatMap { $0 == Self.unknown ? nil : $0 },
            status: response.status.code,
            after: .now - start
        )
        return response
    }
}
