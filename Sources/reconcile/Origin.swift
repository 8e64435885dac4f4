import Foundation
import Reconciler

/// Who applies a plan, and from which commit.
enum Origin {
    /// What the environment and git say; git is asked about the folder of the specs.
    static func current(specs directory: String) async -> Applier.Origin {
        let environment = ProcessInfo.processInfo.environment
        let commit = await GitCommit.current(of: directory) ?? environment["GITHUB_SHA"]
        return Applier.Origin(
            actor: environment["GITHUB_ACTOR"] ?? NSUserName(),
            gitCommit: commit.flatMap { $0.isEmpty ? nil : $0 },
            toolVersion: ReconcileCommand.toolVersion
        )
    }
}
