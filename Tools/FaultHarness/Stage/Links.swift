/// The proxied connections of one daemon.
struct Links: Sendable {
    let redis: FaultProxy
    let postgres: FaultProxy
    let whatsApp: FaultProxy
    private let ports: (redis: Int, postgres: Int, whatsApp: Int)

    var all: [FaultProxy] { [redis, postgres, whatsApp] }

    /// Opens the proxies.
    init(seed: UInt64, machines: Machines, simulatorPort: Int) async throws {
        redis = FaultProxy(to: [machines.redis.port], seed: seed)
        postgres = FaultProxy(to: [machines.postgres.port], seed: seed &+ 1)
        whatsApp = FaultProxy(to: [simulatorPort], seed: seed &+ 2)
        ports = (try await redis.listen(), try await postgres.listen(), try await whatsApp.listen())
    }

    /// What leads a daemon through the proxies.
    func environment(_ machines: Machines, database: String) -> [String: String] {
        [
            "REDIS_URL": machines.redis.url(port: ports.redis),
            "DATABASE_URL": machines.postgres.url(database: database, port: ports.postgres),
            "WHATSAPP_API_URL": "http://127.0.0.1:\(ports.whatsApp)/v23.0",
        ]
    }
}
