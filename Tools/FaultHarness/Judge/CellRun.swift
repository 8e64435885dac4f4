import Foundation
import TestBed
import WhatsAppSimulator

/// Runs one seed of a cell: sets up, injects the fault, heals, drains and judges.
struct CellRun: Sendable {
    let cell: Cell
    let seed: UInt64
    let machines: Machines
    /// Folder for the logs of a failing seed; `nil` keeps none.
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
        let baseline = stage.daemons.map { Footprint(of: $0) }
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

    /// Returns the seconds from healing until a message is accepted or nothing is left to send.
    private func recovery(
        of stage: Stage,
        since healed: ContinuousClock.Instant,
        before: Int,
        _ result: inout CellResult
    ) async throws -> Double {
        do {
            try await wait(for: "progress", within: stage.setup.recovery, toleratesErrors: true) {
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
            try await wait(
                for: "the end of all runs",
                within: stage.setup.drain,
                every: .milliseconds(200),
                toleratesErrors: true
            ) {
                let progress = try await stage.progress()
                return progress.underWay == 0 && progress.openRuns == 0
            }
        } catch {
            let left = try? await stage.progress()
            result.violations.append("9 liveness: \(error); left are \(left.map { "\($0)" } ?? "unknown")")
        }
    }

    /// Waits for the last status reports and for the end of the last leases.
    private func settle(_ stage: Stage) async throws {
        // Neither is certain; the judge reports what is missing.
        try? await wait(
            for: "the last reports",
            within: .seconds(20),
            every: .milliseconds(200),
            toleratesErrors: true
        ) {
            let isReported = try await stage.summary().webhooks.pending == 0
            let isEmpty = try await !stage.redis.keys().contains { $0.hasSuffix(":leases") || $0.hasSuffix(":held") }
            return isReported && isEmpty
        }
        // The simulator writes its ledger every 50 ms and cannot signal it; four times that is enough.
        try await Task.sleep(for: .milliseconds(200))
    }

    /// Waits until a daemon uses as little memory and as few files as before.
    ///
    /// A request, and with it its connection, may wait 30 seconds for the response.
    private func checkFootprint(
        of daemon: DaemonProcess,
        before: Footprint?,
        _ result: inout CellResult
    ) async {
        guard let before, Footprint(of: daemon)?.process == before.process else { return }
        do {
            try await wait(for: "baseline", within: .seconds(40), every: .milliseconds(500)) {
                guard let now = Footprint(of: daemon) else { return true }
                return now.megabytes <= before.megabytes + 150 && now.files <= before.files + 32
            }
        } catch {
            let now = Footprint(of: daemon)
            result.violations.append(
                """
                10 footprint: daemon \(daemon.name) has \(now?.megabytes ?? 0) MB and \(now?.files ?? 0) open files, \
                after \(before.megabytes) MB and \(before.files)
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

/// Resources that a daemon uses.
private struct Footprint: Sendable {
    let process: Int32
    /// Resident memory.
    let megabytes: Int
    let files: Int

    /// Reads the resources of a daemon; `nil` if it does not run.
    init?(of daemon: DaemonProcess) {
        guard daemon.isRunning else { return nil }
        process = daemon.processID
        megabytes = Int(ProcessStatistics.megabytes(of: process))
        files = ProcessStatistics.openFiles(of: process)
    }
}
