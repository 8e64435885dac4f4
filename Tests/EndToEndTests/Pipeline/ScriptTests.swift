import Foundation
import TestBed
import Testing

/// The scripts for development on machines and in folders of other kinds.
@Suite(.serialized)
struct ScriptTests {
    /// Runs a copy of a script below a folder with blanks in its name, from another folder.
    private static func run(
        _ script: String,
        in folder: URL,
        _ variables: [String: String] = [:]
    ) async throws -> ChildProcess.Outcome {
        let target = folder.appending(path: "some where/a repository")
        if !FileManager.default.fileExists(atPath: target.path) {
            try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
            let scripts = Repository.root.appending(path: "Scripts")
            try FileManager.default.copyItem(at: scripts, to: target.appending(path: "Scripts"))
        }
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        let environment = ["PATH": path, "HOME": folder.path].merging(variables) { $1 }
        let words = script.split(separator: " ").map(String.init)
        let child = try await ChildProcess.start(
            "/bin/bash",
            [target.appending(path: "Scripts/\(words[0])").path] + words.dropFirst(),
            environment: environment,
            in: folder,
            output: .captured
        )
        // Starting servers takes long while other tests keep the processors busy.
        return try await child.outcome(within: .seconds(240))
    }

    @Test func serversRunInAFolderWithBlanksThatIsRelative() async throws {
        try await TemporaryFolder.with("with blanks") { folder in
            let variables = ["SERVICES_DIR": "my servers/of today", "POSTGRES_OPTIONS": "-c fsync=off"]
            let up = try await Self.run("services up", in: folder, variables)
            #expect(up.exitCode == 0, "\(up.errors)")
            let status = try await Self.run("services status", in: folder, variables)
            #expect(
                status.exitCode == 0 && status.output.matches(of: /127\.0\.0\.1:\d+/).count == 2,
                "\(status.output)"
            )
            let settings = try await Self.run("services env", in: folder, variables)
            let url = try #require(settings.output.firstMatch(of: /DATABASE_URL='(.*)'/)).1
            let answer = try await ChildProcess.run(
                "psql",
                [String(url), "-Atc", "SELECT 41 + 1"],
                environment: ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"]
            )
            #expect(answer == "42\n")
            let servers = folder.appending(path: "my servers/of today")
            #expect(FileManager.default.fileExists(atPath: servers.appending(path: "redis/appendonlydir").path))
            #expect(try await Self.run("services down", in: folder, variables).exitCode == 0)
            #expect(try await Self.run("services status", in: folder, variables).exitCode == 1)
        }
    }

    @Test func withoutAptOneLineNamesWhatIsMissing() async throws {
        try await TemporaryFolder.with { folder in
            let tools = folder.appending(path: "tools")
            try FileManager.default.createDirectory(at: tools, withIntermediateDirectories: true)
            func link(_ tool: String, to target: String) throws {
                let path = tools.appending(path: tool).path
                try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
            }
            for tool in ["bash", "cat", "grep", "sed"] { try link(tool, to: "/bin/\(tool)") }
            let bare = try await Self.run("bootstrap", in: folder, ["PATH": tools.path])
            #expect(bare.exitCode == 1 && bare.errors.split(separator: "\n").count == 1, "\(bare.errors)")
            for part in ["no apt-get", "Redis server", "pkg-config", "hiredis", "Swift 6.3"] {
                #expect(bare.errors.contains(part), "\(part): \(bare.errors)")
            }
            // The programs only have to be there.
            for tool in ["pkg-config", "pg_config", "redis-server", "swift"] { try link(tool, to: "/bin/true") }
            let complete = try await Self.run("bootstrap", in: folder, ["PATH": tools.path])
            let hasPostgres = FileManager.default.fileExists(atPath: "/usr/lib/postgresql")
            #expect(complete.exitCode == (hasPostgres ? 0 : 1), "\(complete.errors)")
        }
    }
}
