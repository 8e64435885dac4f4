import Foundation
import Logging
import Postgres
import Store

/// Measures a plan of many specs in which nothing changed; `Scripts/bench reconcile` runs it.
///
///     ReconcileBench generate FOLDER SPECS
///     ReconcileBench floor FOLDER CORES
///     ReconcileBench measure RECONCILE FOLDER SPECS ROUNDS     (needs DATABASE_URL, a database of its own)
///     ReconcileBench table FILE                                (lines that `measure` wrote)
@main
struct ReconcileBench {
    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst()
        guard let verb = arguments.first else { throw Problem.usage }
        let rest = Array(arguments.dropFirst())
        switch (verb, rest.count) {
        case ("generate", 2): try SpecGenerator(specs: number(rest[1])).write(into: rest[0])
        case ("floor", 2): print(try LibYAMLFloor.events(below: rest[0], cores: number(rest[1])))
        case ("measure", 4):
            try await prepare(reconcile: rest[0], folder: rest[1])
            let measurement = try Measurement(
                reconcile: rest[0],
                folder: rest[1],
                specs: number(rest[2]),
                rounds: number(rest[3])
            )
            print(try measurement.line())
        case ("table", 1): print(try BenchTable(path: rest[0]).text)
        default: throw Problem.usage
        }
    }

    /// Migrates the database and applies the specs once.
    private static func prepare(reconcile: String, folder: String) async throws {
        var logger = Logger(label: "bench")
        logger.logLevel = .error
        let url = ProcessInfo.processInfo.environment["DATABASE_URL"] ?? ""
        let configuration = try PostgresConfiguration(url, variable: "DATABASE_URL", applicationName: "bench")
        let pool = PostgresPool(configuration: configuration, maxConnections: 2, logger: logger)
        _ = try await Migrator(pool: pool, logger: logger).migrate()
        await pool.shutdown()
        try MeasuredProcess.run([reconcile, folder, "--format", "json", "--json-into", "/dev/null"]).check()
    }

    private static func number(_ text: String) throws -> Int {
        guard let number = Int(text), number > 0 else { throw Problem.usage }
        return number
    }

    enum Problem: Error {
        case usage
        case failed(command: String, code: Int32)
        case cannotStart(command: String)
        case unreadable(file: String)
    }
}
