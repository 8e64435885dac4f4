extension Cell {
    /// The 24 h quota, which no accident may make bigger.
    static let quotaTroubles: [Cell] = [
        quota("Q1", "Quota of 400: SIGKILL before the request, and between answer and outcome", isQuick: true) {
            stage in
            try await stage.crash(at: "begun", 3...10)
            try await stage.crash(at: "answerRead", 10...40)
        },
        quota("Q2", "Quota of 400: Redis emptied, and SIGKILL between reservation and outcome") { stage in
            try await stage.untilAccepted(0.1)
            try await stage.redis.send("FLUSHALL")
            try await stage.crash(at: "requestWritten", 5...20)
            try await stage.redis.send("FLUSHALL")
        },
        quota("Q3", "Quota of 400: buckets and counts deleted one by one") { stage in
            for share in [0.1, 0.2, 0.3] {
                try await stage.untilAccepted(share)
                for key in try await stage.redis.keys() where key.hasPrefix("wa:biz-conv:") {
                    try await stage.redis.send("DEL", key)
                }
            }
        },
    ]

    /// A cell whose campaigns are bigger than the quota: they pause when it is used up, and are cancelled then.
    private static func quota(
        _ name: String,
        _ title: String,
        isQuick: Bool = false,
        trouble: @escaping @Sendable (Stage) async throws -> Void
    ) -> Cell {
        Cell(name, title, StageSetup(quota: 400), isQuick: isQuick) { stage in
            try await trouble(stage)
            try await wait(for: "both campaigns to be out of quota", within: .seconds(90)) {
                try await stage.runsOutOfQuota() == 2
            }
            for campaign in ["first", "second"] {
                try await stage.run("campaignd", "cancel", campaign, "--tenant", Stage.tenant)
            }
        }
    }
}
