import Foundation

extension Cell {
    /// Daemons that stand still, are asked to stop, or are there twice.
    static let daemonStops: [Cell] = [
        Cell("A11", "SIGSTOP for 0.9 s, 10 s and twice the lease, then SIGCONT") { stage in
            for duration in [900...900, 10_000...10_000, 24_000...24_000] {
                try await stage.pause(500...1_500)
                stage.daemons[0].signal(SIGSTOP)
                try await stage.pause(duration)
                stage.daemons[0].signal(SIGCONT)
            }
        },
        Cell("A12", "SIGTERM under load, SIGTERM again, and SIGKILL while draining") { stage in
            try await stage.untilAccepted(0.1)
            stage.daemons[0].signal(SIGTERM)
            try await stage.daemons[0].end(within: .seconds(45))
            try await stage.daemons[0].start()
            try await stage.untilAccepted(0.4)
            stage.daemons[1].signal(SIGTERM)
            try await stage.pause(0...300)
            stage.daemons[1].signal(SIGTERM)
            try await stage.pause(0...50)
            try await stage.daemons[1].kill()
        },
        Cell("I1", "Two feeders and two senders of everything; one sleeps longer than its leases") { stage in
            for _ in 0..<2 {
                stage.daemons[0].signal(SIGSTOP)
                try await stage.pause(100...400)
                stage.daemons[1].signal(SIGSTOP)
                stage.daemons[0].signal(SIGCONT)
                try await stage.pause(100...400)
                stage.daemons[1].signal(SIGCONT)
            }
            stage.daemons[0].signal(SIGSTOP)
            // Chunks are leased for 30 seconds.
            try await stage.pause(33_000...35_000)
            stage.daemons[0].signal(SIGCONT)
        },
    ]
}
