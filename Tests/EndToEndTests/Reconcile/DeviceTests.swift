import Foundation
import Glibc
import TestBed
import TestSupport
import Testing

/// Reports into pipes and devices, which must never be replaced by a file.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres))
struct DeviceTests {
    @Test func aReportGoesIntoAPipe() async throws {
        try await SpecsStage.with { stage in
            let pipe = stage.repository.appending(path: "report.pipe").path
            try #require(mkfifo(pipe, 0o600) == 0)
            let reader = try await Command.start("/bin/cat", [pipe], environment: [:])
            let run = try await stage.reconcile(stage.specs, "--dry-run", "--json-into", pipe)
            #expect(run.exitCode == 0, "\(run.errors)")
            #expect(try await reader.outcome().output.hasPrefix("{\""))
            let type = try FileManager.default.attributesOfItem(atPath: pipe)[.type] as? FileAttributeType
            #expect(type != nil && type != .typeRegular)
        }
    }

    @Test func aReportGoesToStandardOutput() async throws {
        try await SpecsStage.with { stage in
            // Through a pipe, because /dev/stdout opens a file anew, from its start.
            let run = try await Command.run(
                "/bin/bash",
                [
                    "-c", "set -o pipefail; \"$@\" | cat", "bash", Command.path(of: "reconcile"), stage.specs,
                    "--dry-run", "--json-into", "/dev/stdout",
                ],
                environment: stage.environment
            )
            #expect(run.exitCode == 0, "\(run.errors)")
            #expect(run.output.contains("Plan: ") && run.output.contains("{\""), "\(run.output)")
        }
    }
}
