/// One experiment: the setup, the fault and the limits of the outcome.
struct Cell: Sendable {
    /// Name in the table of results.
    let name: String
    let title: String
    let setup: StageSetup
    /// True if it belongs to the short selection.
    let isQuick: Bool
    /// The actions while messages are sent; afterwards every fault ends.
    let scenario: @Sendable (Stage) async throws -> Void

    init(
        _ name: String,
        _ title: String,
        _ setup: StageSetup = StageSetup(),
        isQuick: Bool = false,
        scenario: @escaping @Sendable (Stage) async throws -> Void
    ) {
        self.name = name
        self.title = title
        self.setup = setup
        self.isQuick = isQuick
        self.scenario = scenario
    }

    /// All cells, in the order of the table.
    static let all: [Cell] =
        daemonDeaths + daemonStops + redisDeaths + redisTroubles + postgresTroubles + networkTroubles
        + whatsAppTroubles + quotaTroubles + others
}
