import Foundation
import Logging
import Postgres
import Synchronization

/// Everything that takes part in one cell: servers, links, two daemons, the receiver and its ledger.
final class Stage: Sendable {
    let setup: StageSetup
    let machines: Machines
    let folder: URL
    let database: String
    let daemons: [DaemonProcess]
    let links: [Links]
    let webhooks: FaultProxy
    /// The way of the harness itself to Postgres; nothing goes wrong on it.
    let direct: FaultProxy
    let standby = Mutex<PostgresServer?>(nil)
    let simulatorPort: Int
    let pool: PostgresPool
    private let environment: [String: String]
    private let simulator = Mutex<ChildProcess?>(nil)
    private let random: Mutex<SeededGenerator>

    static let tenant = "test"
    static let phones = ["100200300400", "100200300500"]

    var postgres: PostgresServer { machines.postgres }
    var redis: RedisServer { machines.redis }
    var ledger: URL { folder.appending(path: "ledger.jsonl") }

    /// Sets the stage: migrated, contacts imported, specs applied, daemons and receiver running; nothing launched.
    init(_ cell: Cell, seed: UInt64, machines: Machines) async throws {
        setup = cell.setup
        self.machines = machines
        random = Mutex(SeededGenerator(seed: seed))
        database = "cell_\(UUID().uuidString.lowercased().filter { $0 != "-" })"
        folder = machines.folder.appending(path: "\(cell.name)-\(seed)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        simulatorPort = try FreePort.find()
        try await machines.postgres.start()
        try await machines.postgres.administrate("CREATE DATABASE \(database)")
        try await machines.redis.startAnew(setup.persistence)
        direct = FaultProxy(to: [machines.postgres.port], seed: seed)
        let url = machines.postgres.url(database: database, port: try await direct.listen())
        pool = PostgresPool(
            configuration: try PostgresConfiguration(url, applicationName: "faults"),
            maxConnections: 2,
            acquireTimeout: .seconds(5),
            logger: Self.silent
        )
        environment = machines.environment.merging(Self.settings) { $1 }
            .merging(["DATABASE_URL": url, "REDIS_URL": machines.redis.url()]) { $1 }
        links = [
            try await Links(seed: seed, machines: machines, simulatorPort: simulatorPort),
            try await Links(seed: seed &+ 10, machines: machines, simulatorPort: simulatorPort),
        ]
        var daemons: [DaemonProcess] = []
        for (name, link) in zip(["a", "b"], links) {
            var own = environment.merging(link.environment(machines, database: database)) { $1 }
            if name == "a" { own.merge(setup.environment) { $1 } }
            let executable = machines.binaries.appending(path: "campaignd").path
            let log = folder.appending(path: "daemon-\(name).log")
            daemons.append(try DaemonProcess(name: name, executable: executable, environment: own, log: log))
        }
        self.daemons = daemons
        webhooks = FaultProxy(to: daemons.map(\.port), seed: seed &+ 3)
        try await prepare()
    }

    /// Leases as short as they may be, so that a cell does not last longer than it has to.
    private static let settings = [
        "WHATSAPP_APP_SECRET": "secret", "WHATSAPP_TOKEN_TEST": "token", "WHATSAPP_VERIFY_TOKEN": "verify",
        "UNCONFIRMED_TIMEOUT": "20", "REQUEST_TIMEOUT": "7", "FLIGHT_LEASE": "12", "LOG_LEVEL": "notice",
    ]

    static let silent: Logger = {
        var logger = Logger(label: "faults")
        logger.logLevel = .critical
        return logger
    }()

    private func prepare() async throws {
        let specs = folder.appending(path: "campaigns/\(Self.tenant)")
        try FileManager.default.createDirectory(at: specs, withIntermediateDirectories: true)
        try SpecText.all(setup).write(to: specs.appending(path: "all.yaml"), atomically: true, encoding: .utf8)
        let contacts = folder.appending(path: "contacts.csv")
        try SpecText.contacts(setup).write(to: contacts, atomically: true, encoding: .utf8)
        try await run("campaignd", "migrate")
        try await run("campaignd", "contacts", "import", "--tenant", Self.tenant, contacts.path)
        try await run("campaignd", "wallet", "top-up", "1000000", "--tenant", Self.tenant, "--reference", "stage")
        try await run("reconcile", folder.appending(path: "campaigns").path)
        try await startSimulator()
        for daemon in daemons { try await daemon.start() }
        for daemon in daemons {
            try await wait(for: "daemon \(daemon.name)", within: .seconds(40), every: .milliseconds(100)) {
                try await HTTPAccess.get(port: daemon.port, path: "/readyz") != nil
            }
        }
    }

    private func startSimulator() async throws {
        let port = try await webhooks.listen()
        let child = try await ChildProcess.start(
            machines.binaries.appending(path: "campaignd").path,
            [
                "simulate", "--port", "\(simulatorPort)", "--ledger", ledger.path, "--webhook-url",
                "http://127.0.0.1:\(port)/webhooks/whatsapp", "--delivered", "1", "--read", "0.5", "--failed", "0",
                "--seed", "\(pick(1...1_000_000))", "--faults", setup.faults,
            ],
            environment: environment,
            log: folder.appending(path: "simulator.log")
        )
        simulator.withLock { $0 = child }
        try await wait(for: "the simulator", within: .seconds(20)) {
            try await HTTPAccess.get(port: self.simulatorPort, path: "/_simulator/summary") != nil
        }
    }

    /// Runs one of our commands, past all proxies.
    @discardableResult
    func run(_ command: String, _ arguments: String...) async throws -> String {
        try await ChildProcess.run(
            machines.binaries.appending(path: command).path,
            arguments,
            environment: environment,
            log: folder.appending(path: "command.log")
        )
    }

    /// A number that repeats with the seed.
    func pick(_ range: ClosedRange<Int>) -> Int { random.withLock { Int.random(in: range, using: &$0) } }

    /// Ends all processes of the cell and drops its database.
    func tearDown() async throws {
        for daemon in daemons { try await daemon.kill() }
        let simulator = simulator.withLock { $0 }
        simulator?.signal(SIGKILL)
        for proxy in links.flatMap(\.all) + [webhooks, direct] { await proxy.close() }
        await pool.shutdown(within: .seconds(1))
        try await standby.withLock { $0 }?.remove()
        try await postgres.start()
        try await postgres.setSynchronous(false)
        try await postgres.administrate("DROP DATABASE \(database) WITH (FORCE)")
    }
}
