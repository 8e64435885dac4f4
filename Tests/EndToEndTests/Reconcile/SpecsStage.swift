import Foundation
import Postgres
import TestBed
import TestSupport
import Testing

/// A git repository with specs and a migrated database for one test, with the commands that work on them.
struct SpecsStage: Sendable {
    /// The repository; its specs are in `campaigns/`.
    let repository: URL
    let pool: PostgresPool
    var environment: [String: String]

    static let sender = """
        kind: Sender
        name: main
        phoneNumberId: "1000"
        accessToken: env:TOKEN
        """
    static let campaign = """
        kind: Campaign
        name: offer
        title: Offer
        type: manual
        sender: main
        message: { type: template, template: { name: offer, language: { code: en } } }
        audience: { conditions: [] }
        """

    /// Sets up the stage: migrates and makes a first commit; applies nothing.
    static func with(_ body: (SpecsStage) async throws -> Void) async throws {
        try await withDatabase { folder, pool, environment in
            let environment = environment.merging(["GITHUB_ACTOR": "tester"]) { $1 }
            let stage = SpecsStage(repository: folder, pool: pool, environment: environment)
            try await stage.git("init", "--quiet")
            try await stage.commit("test/sender.yaml", sender)
            try await body(stage)
        }
    }

    /// The folder of the specs.
    var specs: String { repository.appending(path: "campaigns").path }

    /// Writes a spec file without committing it.
    func write(_ file: String, _ text: String) throws {
        let target = repository.appending(path: "campaigns/\(file)")
        try FileManager.default.createDirectory(
            at: target.deletingLastPathComponent(),
            withIntermediateDirectories: true
        )
        try text.write(to: target, atomically: true, encoding: .utf8)
    }

    /// Writes a spec file and commits it.
    ///
    /// - Returns: The commit.
    @discardableResult
    func commit(_ file: String, _ text: String) async throws -> String {
        try write(file, text)
        try await git("add", "--all")
        try await git("commit", "--quiet", "--message", "Change \(file)")
        return try await git("rev-parse", "HEAD").filter { !$0.isWhitespace }
    }

    /// Runs git in the repository.
    @discardableResult
    func git(_ arguments: String...) async throws -> String {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
        let outcome = try await Command.run(
            "/usr/bin/git",
            ["-C", repository.path] + identity + arguments,
            environment: environment
        )
        try #require(outcome.exitCode == 0, "git \(arguments): \(outcome.errors)")
        return outcome.output
    }

    /// Runs `reconcile` with further environment variables.
    func reconcile(_ arguments: String..., variables: [String: String] = [:]) async throws -> ChildProcess.Outcome {
        try await start(arguments, variables: variables).outcome()
    }

    /// Starts `reconcile`.
    func start(_ arguments: [String], variables: [String: String] = [:]) async throws -> ChildProcess {
        try await Command.start("reconcile", arguments, environment: environment.merging(variables) { $1 })
    }

    /// Starts a daemon that applies the specs, and waits until it serves.
    func startDaemon(interval: Int = 3_600) async throws -> (process: ChildProcess, address: String) {
        let arguments = ["run", "--specs", specs, "--specs-interval", String(interval)]
        let daemon = try await Command.start("campaignd", arguments, environment: environment)
        try await eventually(within: .seconds(30), "the daemon serves") { daemon.errors.contains("url=http://") }
        let address = try #require(daemon.errors.firstMatch(of: /url=(http:\/\/127\.0\.0\.1:\d+)/)).1
        return (daemon, String(address))
    }

    func count(_ query: PostgresQuery) async throws -> Int {
        try await pool.query(query)[0].decode(0)
    }
}
