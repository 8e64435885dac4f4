import Foundation
import WhatsAppSimulator

/// Runs one seed of a cell: sets the stage, lets it go wrong, heals, drains and judges.
struct CellRun: Sendable {
    let cell: Cell
    let seed: UInt64
    let machines: Machines
    /// Where the logs of a failing seed are kept; `nil` keeps none.
    let keep: URL?
    private let clock = ContinuousClock()

    init(cell: Cell, seed: UInt64, machines: Machines, keep: URL?) {
        self.cell = cell
        self.seed = seed
        self.machines = machines
        self.keep = keep
    }

    func run() async throws -> CellResult {
        var result = CellResult(cell: cell.name, title: cell.title, seed: seed)
        let stage = try await Stage(cell, seed: seed, machines: machines)
        do {
            try await play(on: stage, &result)
        } catch {
            result.violations.append("harness: \(error)")
        }
        if !result.isGood, let keep { try self.keep(stage, in: keep) }
        try await stage.tearDown()
        try FileManager.default.removeItem(at: stage.folder)
        return result
    }

    private func play(on stage: Stage, _ result: inout CellResult) async throws {
        let start = clock.now
        let metronome = Metronome()
        metronome.start()
        let pressure = CPUPressure()
        defer { _ = metronome.stop() }
        let baseline = stage.daemons.map { $0.footprint() }
        try await stage.launch()
        do {
            try await cell.scenario(stage)
        } catch {
            result.violations.append("scenario: \(error)")
        }
        try await stage.heal()
        let (healed, before) = (clock.now, try await stage.accepted())
        result.recovery = try await recovery(of: stage, since: healed, before: before, &result)
        await drain(stage, since: healed, &result)
        result.seconds = (clock.now - start) / .seconds(1)
        try await settle(stage)
        for (before, daemon) in zip(baseline, stage.daemons) {
            await checkFootprint(of: daemon, before: before, &result)
        }
        let evidence = try await Evidence.gather(from: stage)
        Judge(evidence: evidence, setup: stage.setup, stalls: metronome.stop(), pressure: pressure.share)
            .judge(&result)
    }

    /// Seconds from healing to the next accepted message, or to there being nothing left to send.
    private func recovery(
        of stage: Stage,
        since healed: ContinuousClock.Instant,
        before: Int,
        _ result: inout CellResult
    ) async throws -> Double {
        do {
            try await wait(for: "progress", within: stage.setup.recovery) {
                if try await stage.accepted() > before { return true }
                return try await stage.progress().underWay == 0
            }
        } catch {
            result.violations.append("9 liveness: nothing moved for \(stage.setup.recovery) after healing")
        }
        return (clock.now - healed) / .seconds(1)
    }

    private func drain(_ stage: Stage, since healed: ContinuousClock.Instant, _ result: inout CellResult) async {
        do {
            try await wait(for: "the end of all runs", within: stage.setup.drain, every: .milliseconds(200)) {
                let progress = try await stage.progress()
                return progress.underWay == 0 && progress.openRuns == 0
            }
        } catch {
            let left = try? await stage.progress()
            result.violations.append("9 liveness: \(error); left are \(left.map { "\($0)" } ?? "unknown")")
        }
    }

    /// Lets the last reports and the end of the last leases come in.
    private func settle(_ stage: Stage) async throws {
        // Neither has to come: what is missing after it is for the judge.
        try? await wait(for: "the last reports", within: .seconds(20), every: .milliseconds(200)) {
            let isReported = try await stage.summary().webhooks.pending == 0
            let isEmpty = try await !stage.redis.keys().contains { $0.hasSuffix(":leases") || $0.hasSuffix(":held") }
            return isReported && isEmpty
        }
        // The simulator, another process, writes its ledger every 50 ms and does not say when; four times that is enough.
        try await Task.sleep(for: .milliseconds(200))
    }

    /// Waits for a daemon to be as small again as it was.
    ///
    /// A request may wait 30 seconds for its answer, and its connection with it.
    private func checkFootprint(
        of daemon: DaemonProcess,
        before: DaemonProcess.Footprint?,
        _ result: inout CellResult
    ) async {
        guard let before, daemon.footprint()?.process == before.process else { return }
        do {
            try await wait(for: "baseline", within: .seconds(40), every: .milliseconds(500)) {
                guard let now = daemon.footprint() else { return true }
                return now.memory <= before.memory + (150 << 20) && now.files <= before.files + 32
            }
        } catch {
            let now = daemon.footprint()
            let (memory, files) = ((now?.memory ?? 0) >> 20, now?.files ?? 0)
            result.violations.append(
                """
                10 footprint: daemon \(daemon.name) has \(memory) MB and \(files) open files, \
                after \(before.memory >> 20) MB and \(before.files)
                """
            )
        }
    }

    private func keep(_ stage: Stage, in folder: URL) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let kept = folder.appending(path: "\(cell.name)-\(seed)")
        try? FileManager.default.removeItem(at: kept)  // There is none at first.
        try FileManager.default.copyItem(at: stage.folder, to: kept)
    }
}
