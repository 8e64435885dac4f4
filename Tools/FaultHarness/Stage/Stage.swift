import Foundation
import Logging
import NIOCore
import Postgres
import Randomness
import Synchronization
import TestBed
import WhatsAppSimulator

/// Everything that takes part in one cell: servers, links, two daemons, the receiver and its ledger.
final class Stage: Sendable {
    let setup: StageSetup
    let machines: Machines
    let folder: URL
    let database: String
    let daemons: [DaemonProcess]
    let links: [Links]
    let webhooks: FaultProxy
    /// The harness's own connection to Postgres, without faults.
    let direct: FaultProxy
    let standby = Mutex<PostgresServer?>(nil)
    let simulatorPort: Int
    let pool: PostgresPool
    private let environment: [String: String]
    private let simulator = Mutex<ChildProcess?>(nil)
    private let random: Mutex<SplitMix64>

    static let tenant = "test"
    static let phones = ["100200300400", "100200300500"]

    var postgres: PostgresServer { machines.postgres }
    var redis: RedisServer { machines.redis }
    private var simulatorURL: String { "http://127.0.0.1:\(simulatorPort)/_simulator" }
    var ledger: URL { folder.appending(path: "ledger.jsonl") }

    /// Sets up the stage: copies the template, imports contacts, applies specs, starts daemons and receiver; launches nothing.
    init(_ cell: Cell, seed: UInt64, machines: Machines) async throws {
        setup = cell.setup
        self.machines = machines
        random = Mutex(SplitMix64(seed: seed))
        database = "cell_\(UUID().uuidString.lowercased().filter { $0 != "-" })"
        folder = machines.folder.appending(path: "\(cell.name)-\(seed)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        simulatorPort = try FreePort.find()
        try await machines.postgres.start()
        try await machines.postgres.administrate("CREATE DATABASE \(database) TEMPLATE \(Machines.template)")
        try await machines.redis.startAnew(setup.persistence)
        direct = FaultProxy(to: [machines.postgres.port], seed: seed)
        let url = machines.postgres.url(database: database, port: try await direct.listen())
        pool = PostgresPool(
            configuration: try PostgresConfiguration(url, applicationName: "faults"),
            maxConnections: 2,
            acquireTimeout: .seconds(5),
            logger: .silent
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

    /// The shortest leases and timeouts that are allowed, so that a cell ends soon.
    private static let settings = [
        "WHATSAPP_APP_SECRET": "secret", "WHATSAPP_TOKEN_TEST": "token", "WHATSAPP_VERIFY_TOKEN": "verify",
        "UNCONFIRMED_TIMEOUT": "20", "REQUEST_TIMEOUT": "7", "FLIGHT_LEASE": "12", "LOG_LEVEL": "notice",
    ]

    private func prepare() async throws {
        let specs = folder.appending(path: "campaigns/\(Self.tenant)")
        try FileManager.default.createDirectory(at: specs, withIntermediateDirectories: true)
        try SpecText.all(setup).write(to: specs.appending(path: "all.yaml"), atomically: true, encoding: .utf8)
        let contacts = folder.appending(path: "contacts.csv")
        try SpecText.contacts(setup).write(to: contacts, atomically: true, encoding: .utf8)
        try await run("campaignd", "contacts", "import", "--tenant", Self.tenant, contacts.path)
        try await run("campaignd", "wallet", "top-up", "1000000", "--tenant", Self.tenant, "--reference", "stage")
        try await run("reconcile", folder.appending(path: "campaigns").path)
        try await startSimulator()
        for daemon in daemons { try await daemon.start() }
        for daemon in daemons { try await daemon.untilReady() }
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
            output: .log(folder.appending(path: "simulator.log"))
        )
        simulator.withLock { $0 = child }
        try await wait(for: "the simulator", within: .seconds(20), toleratesErrors: true) {
            try await HTTP.get("\(simulatorURL)/summary").readableBytes > 0
        }
    }

    /// Runs a command without the proxies.
    @discardableResult
    func run(_ command: String, _ arguments: String...) async throws -> String {
        try await ChildProcess.run(
            machines.binaries.appending(path: command).path,
            arguments,
            environment: environment
        )
    }

    /// Returns a random number that repeats with the seed.
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

extension Stage {
    var total: Int { setup.recipients.first + setup.recipients.second }

    /// Launches both campaigns.
    func launch() async throws {
        try await run("campaignd", "send", "first", "--tenant", Self.tenant)
        try await run("campaignd", "send", "second", "--tenant", Self.tenant)
    }

    /// Returns the receiver's summary so far.
    func summary() async throws -> SimulatorSummary {
        let body = try await HTTP.get("\(simulatorURL)/summary")
        return try JSONDecoder().decode(SimulatorSummary.self, from: Data(body.readableBytesView))
    }

    func accepted() async throws -> Int { try await summary().accepted }

    /// Waits until the receiver has accepted a share of all messages.
    func untilAccepted(_ share: Double, within limit: Duration = .seconds(60)) async throws {
        let goal = Int(share * Double(total))
        try await wait(for: "\(goal) accepted messages", within: limit, toleratesErrors: true) {
            try await accepted() >= goal
        }
    }

    func setFaults(_ json: String) async throws {
        try await HTTP.put("\(simulatorURL)/faults", json: json)
    }

    /// Waits for a random time in milliseconds.
    func pause(_ range: ClosedRange<Int>) async throws {
        // The sleep is part of the scenario: it sets how long a fault lasts, or how much is sent before it.
        try await Task.sleep(for: .milliseconds(pick(range)))
    }

    /// Lets the first daemon die at a crash point, and starts it again some time later.
    ///
    /// - Parameters:
    ///   - point: A name that `CRASH_AT` knows.
    ///   - times: Number of passes before the crash; drawn with the seed.
    /// - Throws: `TestBedError` when the point is not reached.
    func crash(at point: String, _ times: ClosedRange<Int>) async throws {
        let daemon = daemons[0]
        try await daemon.kill()
        try await daemon.start(["CRASH_AT": "\(point):\(pick(times))"])
        try await daemon.end(within: .seconds(45))
        try await pause(0...2_000)
        try await daemon.start()
    }

    /// Kills a random daemon and starts it again, repeatedly.
    ///
    /// - Parameters:
    ///   - count: Number of kills.
    ///   - pauses: Milliseconds between two kills.
    ///   - between: Called before each kill with its number.
    /// - Throws: The error of `between`, or an error if a daemon does not die.
    func killLoop(
        _ count: Int,
        pauses: ClosedRange<Int>,
        between: (Int) async throws -> Void = { _ in }
    ) async throws {
        for number in 0..<count {
            try await between(number)
            try await pause(pauses)
            let daemon = daemons[pick(0...1)]
            try await daemon.kill()
            try await daemon.start()
        }
    }

    /// Applies a fault to one kind of link for some time.
    func impair(
        _ proxies: [FaultProxy],
        _ fault: LinkFault,
        for milliseconds: ClosedRange<Int>
    ) async throws {
        for proxy in proxies { proxy.set(fault) }
        try await pause(milliseconds)
        for proxy in proxies { proxy.set(.none) }
    }

    /// Ends every fault: starts dead processes, continues suspended ones and restores links.
    func heal() async throws {
        for proxy in links.flatMap(\.all) + [webhooks] { proxy.set(.none) }
        redis.thaw()
        try await postgres.start()
        try await redis.start()
        try await setFaults("{}")
        for daemon in daemons { try await daemon.revive() }
    }

    /// Stops Postgres for good and promotes a standby that has every commit.
    func failOver() async throws {
        let standby = try await postgres.makeStandby()
        self.standby.withLock { $0 = standby }
        try await standby.start()
        try await postgres.setSynchronous(true)
        try await untilAccepted(0.3)
        try await postgres.stopImmediately()
        try await standby.promote()
        for proxy in links.map(\.postgres) + [direct] { proxy.redirect(to: [standby.port]) }
    }

    /// Kills one process that serves a connection; Postgres then restarts all others.
    func killOneBackend() async throws {
        let rows = try await postgres.withAdmin { try await $0.query(PostgresQuery(sql: Statement.oneBackend)) }
        if let backend = try rows.first?.decode(0, as: Int32.self) { kill(backend, SIGKILL) }
    }

    /// Returns how many runs are paused because their quota is used up.
    func runsOutOfQuota() async throws -> Int {
        try await pool.query(PostgresQuery(sql: Statement.pausedRuns))[0].decode(0)
    }

    /// Returns the remaining work.
    func progress() async throws -> (underWay: Int, doubtful: Int, openRuns: Int) {
        let rows = try await pool.query(PostgresQuery(sql: Statement.progress))
        return (try rows[0].decode(0), try rows[0].decode(1), try rows[0].decode(2))
    }
}

extension Stage {
    /// Holds idle connections open while `body` runs.
    func withIdleConnections(_ count: Int, _ body: () async throws -> Void) async throws {
        let configuration = try PostgresConfiguration(postgres.url(database: database), applicationName: "idle")
        var connections: [PostgresConnection] = []
        for _ in 0..<count {
            connections.append(try await PostgresConnection.connect(configuration, logger: .silent))
        }
        let result: Result<Void, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        for connection in connections { await connection.close() }
        try result.get()
    }

    /// Keeps a transaction open that has locked every run.
    func holdingCampaigns(for milliseconds: ClosedRange<Int>) async throws {
        let configuration = try PostgresConfiguration(postgres.url(database: database), applicationName: "faults")
        let connection = try await PostgresConnection.connect(configuration, logger: .silent)
        try await connection.simpleScript(Statement.holdCampaigns)
        try await pause(milliseconds)
        await connection.close()
    }
}

/// The SQL of the harness.
///
/// The judge must not use the Store, which it judges.
enum Statement {
    static let messages = text(PackageResources.messages_sql)
    static let counters = text(PackageResources.counters_sql)
    static let wallet = text(PackageResources.wallet_sql)
    static let progress = text(PackageResources.progress_sql)
    static let pausedRuns = text(PackageResources.paused_runs_sql)
    static let oneBackend = text(PackageResources.one_backend_sql)
    static let terminate = text(PackageResources.terminate_sql)
    static let holdCampaigns = text(PackageResources.hold_campaigns_sql)
    static let optOut = text(PackageResources.opt_out_sql)

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
