import Foundation
import TestBed
import Testing

/// The action that installs a release, with an archive of this build.
@Suite(.serialized)
struct InstallTests {
    private static func install(
        in folder: URL,
        _ variables: [String: String],
        isGitHub: Bool = false
    ) async throws -> ChildProcess.Outcome {
        var environment = ["PATH": "/usr/bin:/bin", "HOME": folder.path, "RUNNER_TEMP": folder.path]
        if isGitHub { environment["GITHUB_ACTIONS"] = "true" }
        environment.merge(variables) { $1 }
        let script = Repository.root.appending(path: "packaging/action/install").path
        let child = try await ChildProcess.start(
            "/bin/bash",
            [script],
            environment: environment,
            in: folder,
            output: .captured
        )
        return try await child.outcome()
    }

    @Test func installsIntoAPathWithBlanks() async throws {
        let archive = try await ReleaseArchive.make()
        try await TemporaryFolder.with("with blanks") { folder in
            let outcome = try await Self.install(
                in: folder,
                [
                    "RELEASE_VERSION": archive.version, "RELEASE_SHA256": archive.checksum.uppercased(),
                    "RELEASE_PATH": archive.file.path,
                ]
            )
            #expect(outcome.exitCode == 0, "\(outcome.errors)")
            let directory = outcome.output.trimmingCharacters(in: .newlines)
            #expect(directory.hasPrefix(folder.path))
            let version = try await ChildProcess.run("\(directory)/reconcile", ["--version"], environment: [:])
            #expect(version == archive.version + "\n")
            for command in ["campaignd", "reconcile-ci"] {
                #expect(FileManager.default.isExecutableFile(atPath: "\(directory)/\(command)"))
            }
        }
    }

    @Test func theSameCommandsMakeTheSameArchive() async throws {
        let first = try await ReleaseArchive.make()
        try await TemporaryFolder.with { folder in
            let build = URL(filePath: Command.path(of: "reconcile")).deletingLastPathComponent()
            let second = try await ReleaseArchive.pack(build, into: folder)
            #expect(first.checksum == second.checksum)
            #expect(first.file.lastPathComponent == second.file.lastPathComponent)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 2)
        }
    }

    /// A variable with a wrong value, and a part of the error.
    @Test(arguments: [
        (["RELEASE_SHA256": String(repeating: "0", count: 64)], "the archive has "),
        (["RELEASE_SHA256": "abc"], "is not a SHA-256 checksum"),
        (["RELEASE_VERSION": "9.9.9"], "not version 9.9.9"), (["RELEASE_VERSION": "latest"], "is no version"),
        (["RELEASE_PATH": "missing.tar.gz"], "there is no file `missing.tar.gz`"), (["RELEASE_PATH": ""], "both empty"),
        (["RELEASE_URL": "https://example.com/x"], "both given"),
        (["RELEASE_PATH": "", "RELEASE_URL": "http://example.com/x"], "is not an https address"),
        (["RELEASE_PATH": "", "RELEASE_URL": "https://127.0.0.1:1/x"], "cannot download"),
    ])
    func refusesWhatIsWrong(variables: [String: String], expected: String) async throws {
        let archive = try await ReleaseArchive.make()
        try await TemporaryFolder.with { folder in
            let right = [
                "RELEASE_VERSION": archive.version, "RELEASE_SHA256": archive.checksum,
                "RELEASE_PATH": archive.file.path,
            ]
            let wrong = right.merging(variables) { $1 }
            let outcome = try await Self.install(in: folder, wrong)
            #expect(outcome.exitCode == 1 && outcome.errors.contains("error: "), "\(outcome.errors)")
            #expect(outcome.errors.contains(expected), "\(outcome.errors)")
            let annotated = try await Self.install(in: folder, wrong, isGitHub: true)
            let lines = annotated.output.split(separator: "\n")
            #expect(lines.last?.hasPrefix("::error title=Install reconcile::") == true, "\(annotated.output)")
            #expect(lines.last?.contains(expected) == true)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
        }
    }

    /// Archives that are not for this machine, or no releases, with the error of each.
    @Test(arguments: [
        ("campaigns-1.2.3-linux-riscv64", "reconcile", "#!/bin/sh\necho 1.2.3", "is for riscv64, and this machine is"),
        ("campaigns-1.2.3-linux-MACHINE", "reconcile", "#!/bin/sh\necho 1.2.4", "says that it is 1.2.4"),
        ("campaigns-1.2.3-linux-MACHINE", "reconcile", "#!/nowhere/sh", "does not run on this machine"),
        ("campaigns-1.2.3-linux-MACHINE", "more/reconcile", "x", "has files outside of"),
        ("something-1.2.3", "reconcile", "x", "is no release of reconcile"),
    ])
    func refusesOtherArchives(root: String, file: String, content: String, expected: String) async throws {
        var system = utsname()
        uname(&system)
        let machine = withUnsafeBytes(of: &system.machine) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let root = root.replacing("MACHINE", with: machine)
        try await TemporaryFolder.with { folder in
            let target = folder.appending(path: "\(root)/\(file)")
            let parent = target.deletingLastPathComponent()
            try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
            try content.write(to: target, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: target.path)
            let environment = ["PATH": "/usr/bin:/bin"]
            let archive = folder.appending(path: "a.tar.gz").path
            try await ChildProcess.run(
                "/bin/tar",
                ["-czf", archive, "-C", folder.path, root],
                environment: environment
            )
            let sum = try await ChildProcess.run("/usr/bin/sha256sum", [archive], environment: environment).prefix(64)
            let outcome = try await Self.install(
                in: folder,
                ["RELEASE_VERSION": "1.2.3", "RELEASE_SHA256": String(sum), "RELEASE_PATH": archive]
            )
            #expect(outcome.exitCode == 1 && outcome.errors.contains(expected), "\(outcome.errors)")
        }
    }
}
