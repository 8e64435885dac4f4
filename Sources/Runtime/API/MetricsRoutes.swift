import Foundation
import HTTPTypes
import Hummingbird

/// `/metrics` in the text format of Prometheus.
struct MetricsRoutes: Sendable {
    let specs: (@Sendable () -> DaemonCompanion.State)?

    func add(to router: Router<APIContext>) {
        router.get("/metrics") { _, _ in
            Response(
                status: .ok,
                headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
                body: .init(byteBuffer: .init(string: specs.map { Self.text($0()) } ?? ""))
            )
        }
    }

    static func text(_ state: DaemonCompanion.State) -> String {
        func seconds(_ date: Date?) -> String { String(Int(date?.timeIntervalSince1970 ?? 0)) }
        let commits =
            "applied=\"\(escaped(state.lastAppliedCommit))\",attempted=\"\(escaped(state.lastAttemptedCommit))\""
        return """
            # HELP campaigns_specs_last_applied_timestamp_seconds When the specs were last found or made as in the database.
            # TYPE campaigns_specs_last_applied_timestamp_seconds gauge
            campaigns_specs_last_applied_timestamp_seconds \(seconds(state.lastAppliedAt))
            # HELP campaigns_specs_last_attempted_timestamp_seconds When applying the specs was last tried.
            # TYPE campaigns_specs_last_attempted_timestamp_seconds gauge
            campaigns_specs_last_attempted_timestamp_seconds \(seconds(state.lastAttemptedAt))
            # HELP campaigns_specs_last_attempt_succeeded Whether the last attempt left nothing to do: 1, or 0.
            # TYPE campaigns_specs_last_attempt_succeeded gauge
            campaigns_specs_last_attempt_succeeded \(state.reason == nil ? 1 : 0)
            # HELP campaigns_specs_commit_info The commits that were last applied and attempted.
            # TYPE campaigns_specs_commit_info gauge
            campaigns_specs_commit_info{\(commits)} 1

            """
    }

    /// Label values escape backslashes, quotes and line ends.
    private static func escaped(_ text: String?) -> String {
        (text ?? "").replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
