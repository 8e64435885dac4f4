package import Logging
import ServiceLifecycle
package import Store
import Synchronization

/// Periodically looks which daemons have died, and has each lane take back at once what these had reserved.
///
/// One statement for all lanes of a daemon. Without it, what a daemon had claimed would wait until its leases expire, ten
/// seconds after their slots; and a loss of Redis in that time would also lose the knowledge that nothing of it was written.
package struct DeadDaemonWatch: Service {
    private static let interval = Duration.milliseconds(250)
    /// Time between the two looks that find a daemon dead: one whose connection broke is back by then.
    private static let pause = Duration.milliseconds(150)

    private let daemons: DaemonRepository
    private let services: LaneServices
    private let logger: Logger

    /// Makes a watch.
    ///
    /// - Parameters:
    ///   - daemons: The table of heartbeats.
    ///   - services: The lanes.
    ///   - logger: The log.
    package init(daemons: DaemonRepository, services: LaneServices, logger: Logger) {
        (self.daemons, self.services, self.logger) = (daemons, services, logger)
    }

    func run() async {
        let loop = PeriodicLoop(
            every: Self.interval,
            wakeup: services.presence.mayJudge,
            logger: logger,
            failure: "Could not look which daemons live, trying again"
        )
        var judgement = DeathJudgement()
        await loop.runAdaptively { () async throws -> PeriodicLoop.Next in
            let presence = services.presence
            guard presence.canJudge(), let census = try await daemons.census(by: presence.number) else { return .wait }
            let isDoubtful = judgement.take(census)
            services.workers.replaceDead(with: judgement.dead)
            return isDoubtful ? .waitFor(Self.pause) : .wait
        }
    }
}

/// Decides which daemons are dead: those that two looks in a row found without a session, or the first look of all, by which a
/// daemon that starts takes back what the former one left.
///
/// A living daemon may be among them, if its connection is away just then. That is safe, so two looks are enough: leases that
/// are taken over get no clearance any more, and requests are written only with clearance, so the daemon returns its messages
/// to the lane. It costs the pace of a moment. Messages that may have been written are not taken over before their time.
struct DeathJudgement: Sendable {
    private(set) var dead: Set<DaemonNumber> = []
    /// Those that the last look has missed; `nil` before the first look.
    private var missing: Set<DaemonNumber>?

    /// Takes what a look has found.
    ///
    /// - Returns: True if a daemon is missing for the first time, so that the next look should be soon.
    mutating func take(_ census: DaemonRepository.Census) -> Bool {
        let before = missing ?? census.missing
        missing = census.missing
        dead = census.missing.intersection(before)
        return dead != census.missing
    }
}
