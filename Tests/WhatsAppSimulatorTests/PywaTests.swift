import Foundation
import Testing
import WhatsAppSimulator

/// Lets pywa, a client library for the real service, talk to the simulator.
struct PywaTests {
    /// The folder of the Python library pywa, which `Scripts/test` installs.
    private static let library = ProcessInfo.processInfo.environment["PYWA"]
    private static let isRequired = ProcessInfo.processInfo.environment["CAMPAIGNS_REQUIRE_SERVICES"] != nil

    @Test(.enabled(if: library != nil || isRequired, "pywa is not installed"))
    func sendsEachKindAndParsesEachWebhook() async throws {
        let library = try #require(Self.library)
        var configuration = SimulatorConfiguration()
        configuration.rules = .real
        configuration.webhooks.appSecret = "app secret"
        configuration.webhooks.deliveredShare = 1
        configuration.webhooks.readShare = 1
        configuration.webhooks.failedShare = 0
        configuration.webhooks.deliveredDelay = .milliseconds(5) ... .milliseconds(10)
        configuration.webhooks.readDelay = .milliseconds(5) ... .milliseconds(10)
        try await Simulator.withRunning(configuration: configuration, logger: .quiet) { simulator in
            let base = try #require(simulator.baseURL)
            let (code, text) = try await Self.run("pywa_client.py", [base, "app secret"], library: library)
            #expect(code == 0 && text.contains("parsed "), "\(text)")
        }
    }

    @Test(.enabled(if: library != nil || isRequired, "pywa is not installed"))
    func managesTemplatesAndUploadsTheirMedia() async throws {
        let library = try #require(Self.library)
        var configuration = SimulatorConfiguration()
        configuration.knownNumbers = ["106540352242922"]
        configuration.management.reviewSeconds = 3_600
        configuration.webhooks.appSecret = "app secret"
        try await Simulator.withRunning(configuration: configuration, logger: .quiet) { simulator in
            let base = try #require(simulator.baseURL)
            let (code, text) = try await Self.run("pywa_templates.py", [base], library: library)
            #expect(code == 0 && text.contains("managed 3 templates, 1 numbers"), "\(text)")
            let operations = Set(simulator.managementCalls.filter { $0.answer == .accepted }.map(\.operation))
            let wanted: Set = [
                "uploads.create", "uploads.write", "templates.create", "templates.list", "templates.edit",
                "templates.delete", "templates.archive", "templates.unarchive", "media.upload", "media.delete",
                "numbers.list", "node.get",
            ]
            #expect(operations == wanted)
        }
    }

    /// Runs the script, and returns its exit code and what it printed.
    private static func run(_ script: String, _ arguments: [String], library: String) async throws -> (
        code: Int32, text: String
    ) {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(script)
        process.arguments = ["python3", file.path] + arguments
        process.environment = ProcessInfo.processInfo.environment.merging(
            ["PYTHONPATH": library, "PYTHONDONTWRITEBYTECODE": "1", "NO_PROXY": "127.0.0.1"]
        ) { _, new in new }
        process.standardOutput = output
        process.standardError = output
        return try await withCheckedThrowingContinuation { continuation in
            // Reading blocks, and must not keep a thread of the cooperative pool.
            DispatchQueue.global().async {
                do {
                    try process.run()
                    let data = output.fileHandleForReading.readDataToEndOfFile()
                    process.waitUntilExit()
                    continuation.resume(
                        returning: (process.terminationStatus, String(decoding: data, as: UTF8.self))
                    )
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        }
    }
}
