import Foundation
import NIOCore
import NIOFoundationCompat
import Postgres
import Synchronization
import WhatsAppSimulator

extension Stage {
    var total: Int { setup.recipients.first + setup.recipients.second }

    /// Launches both campaigns.
    func launch() async throws {
        try await run("campaignd", "send", "first", "--tenant", Self.tenant)
        try await run("campaignd", "send", "second", "--tenant", Self.tenant)
    }

    /// What the receiver has done so far.
    func summary() async throws -> SimulatorSummary {
        guard let body = try await HTTPAccess.get(port: simulatorPort, path: "/_simulator/summary") else {
            throw HarnessError.missing("the simulator's summary", remedy: "look into simulator.log")
        }
        return try JSONDecoder().decode(SimulatorSummary.self, from: Data(body.readableBytesView))
    }

    func accepted() async throws -> Int { try await summary().accepted }

    /// Waits until the receiver has accepted a share of all messages.
    func untilAccepted(_ share: Double, within limit: Duration = .seconds(60)) async throws {
        let goal = Int(share * Double(total))
        try await wait(for: "\(goal) accepted messages", within: limit) { try await self.accepted() >= goal }
    }

    func setFaults(_ json: String) async throws {
        guard try await HTTPAccess.put(port: simulatorPort, path: "/_simulator/faults", json: json) != nil else {
            throw HarnessError.missing("an answer of the simulator", remedy: "check the faults: \(json)")
        }
    }

    /// Lets milliseconds pass, as many as the seed says.
    func pause(_ range: ClosedRange<Int>) async throws {
        // The time itself is the scenario: how long a fault lasts, or how far the sending has come when it strikes.
        try await Task.sleep(for: .milliseconds(pick(range)))
    }

    /// Has the first daemon die at a point, and starts it again some time later.
    ///
    /// - Parameters:
    ///   - point: A name that `CRASH_AT` knows.
    ///   - times: How often it is passed, as the seed says.
    /// - Throws: ``HarnessError`` when the point is not reached.
    func crash(at point: String, _ times: ClosedRange<Int>) async throws {
        let daemon = daemons[0]
        try await daemon.kill()
        try await daemon.start(["CRASH_AT": "\(point):\(pick(times))"])
        try await daemon.end(within: .seconds(45))
        try await pause(0...2_000)
        try await daemon.start()
    }

    /// Kills one of the daemons again and again.
    ///
    /// - Parameters:
    ///   - count: How often.
    ///   - pauses: Milliseconds between two kills.
    ///   - between: Called before each kill with its number.
    /// - Throws: What `between` throws, and when a daemon does not die.
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

    /// Ends every fault: what is dead comes back, what is stopped goes on, links are whole.
    func heal() async throws {
        for proxy in links.flatMap(\.all) + [webhooks] { proxy.set(.none) }
        redis.thaw()
        try await postgres.start()
        try await redis.start()
        try await setFaults("{}")
        for daemon in daemons { try await daemon.revive() }
    }

    /// Ends Postgres for good; a standby that has every commit takes over.
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

    /// How many runs are paused because their quota is used up.
    func runsOutOfQuota() async throws -> Int {
        try await pool.query(PostgresQuery(sql: Statement.pausedRuns))[0].decode(0)
    }

    /// What is left to do.
    func progress() async throws -> (underWay: Int, doubtful: Int, openRuns: Int) {
        let rows = try await pool.query(PostgresQuery(sql: Statement.progress))
        return (try rows[0].decode(0), try rows[0].decode(1), try rows[0].decode(2))
    }
}

extension Stage {
    /// Opens connections that do nothing while `body` runs.
    func withIdleConnections(_ count: Int, _ body: () async throws -> Void) async throws {
        let configuration = try PostgresConfiguration(postgres.url(database: database), applicationName: "idle")
        var connections: [PostgresConnection] = []
        for _ in 0..<count {
            connections.append(try await PostgresConnection.connect(configuration, logger: Self.silent))
        }
        let result: Result<Void, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        for connection in connections { await connection.close() }
        try result.get()
    }

    /// Keeps a transaction open that has locked every run.
    func holdingCampaigns(for milliseconds: ClosedRange<Int>) async throws {
        let configuration = try PostgresConfiguration(postgres.url(database: database), applicationName: "faults")
        let connection = try await PostgresConnection.connect(configuration, logger: Self.silent)
        try await connection.simpleScript(Statement.holdCampaigns)
        try await pause(milliseconds)
        await connection.close()
    }
}
