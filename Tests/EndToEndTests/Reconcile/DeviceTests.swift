import Foundation
import Glibc
import TestSupport
import Testing

/// Reports that go to what is no file: a pipe or a device must never be replaced by one.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres))
struct DeviceTests {
    @Test func aReportGoesIntoAPipe() async throws {
        try await SpecsStage.with { stage in
            let pipe = stage.repository.appending(path: "report.pipe").path
            try #require(mkfifo(pipe, 0o600) == 0)
            let reader = try CommandProcess(path: "/bin/cat", [pipe], environment: [:])
            let run = try await stage.reconcile(stage.specs, "--dry-run", "--json-into", pipe)
            #expect(run.exitCode == 0, "\(run.errors)")
            #expect(try await reader.outcome().output.hasPrefix("{\""))
            var status = stat()
            try #require(stat(pipe, &status) == 0)
            #expect(status.st_mode & S_IFMT == S_IFIFO)
        }
    }

    @Test func aReportGoesToStandardOutput() async throws {
        try await SpecsStage.with { stage in
            let run = try await stage.reconcile(stage.specs, "--dry-run", "--json-into", "/dev/stdout")
            #expect(run.exitCode == 0, "\(run.errors)")
            #expect(run.output.contains("Plan: ") && run.output.contains("{\""), "\(run.output)")
        }
    }
}
