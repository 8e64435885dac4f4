import Foundation
import Postgres

extension Cell {
    private static let fakeTime = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"

    /// Clocks, reports, odd messages, unequal campaigns, and kills at random.
    static let others: [Cell] =
        [
            clock("F1a", "The clock of one daemon is an hour ahead", "+3600"),
            clock("F1b", "The clock of one daemon is an hour behind", "-3600"),
            clock("F1c", "The clock of one daemon runs a tenth too fast", "+0 x1.1"),
            Cell(
                "G1",
                "Reports twice, in disorder, late, and before our own commit",
                StageSetup(
                    faults: """
                        {"latency": {"minimumMilliseconds": 200, "maximumMilliseconds": 600}, "webhooks": \
                        {"duplicatedShare": 0.3, "reorderedShare": 0.3, "delayedShare": 0.1, "delaySeconds": 3}}
                        """
                ),
                isQuick: true
            ) { stage in
                try await stage.untilAccepted(0.7)
                stage.webhooks.reset()
            },
            Cell(
                "H1",
                "Messages that cannot be rendered, recipients that opt out on the way",
                StageSetup(nameless: 25, failures: 25)
            ) { stage in
                try await stage.untilAccepted(0.3)
                try await stage.pool.execute(.init(sql: Statement.optOut))
                try await stage.untilAccepted(0.6)
            },
            Cell(
                "H2",
                "A campaign of 200 behind one of 3,000 on the same sender",
                StageSetup(recipients: (3_000, 200), sharesSender: true, drain: .seconds(200))
            ) { stage in
                // Alone it would take 3 seconds; in turn with the other one twice that.
                try await wait(for: "the end of the small campaign", within: .seconds(20)) {
                    try await stage.run("campaignd", "report", "second", "--tenant", Stage.tenant)
                        .contains("accepted            200")
                }
            },
        ] + killLoops

    private static func clock(_ name: String, _ title: String, _ offset: String) -> Cell {
        let environment = [
            "LD_PRELOAD": fakeTime, "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1",
        ]
        return Cell(name, title, StageSetup(environment: environment)) { stage in
            try await stage.untilAccepted(0.5)
        }
    }
}
