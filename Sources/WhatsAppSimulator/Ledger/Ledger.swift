import Dispatch
import Foundation
import Synchronization

/// The append-only file of requests, written in the order of decisions.
///
/// Appending only copies into memory; ``run()`` brings the lines to the file every 50 ms on a queue of its own, because
/// a disk may block. Lines are not synced to the disk: the ledger survives the process, not the machine.
final class Ledger: Sendable {
    private static let flushInterval = Duration.milliseconds(50)
    private static let crowded = 64 << 20

    private let path: String
    private let file: FileHandle
    private let queue = DispatchQueue(label: "ledger")
    private let state = Mutex<[UInt8]>([])

    /// Opens the file for appending and makes it if it is not there.
    init(path: String) throws(SimulatorError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw .ledger(path: path, reason: "cannot be opened for writing: \(String(cString: strerror(errno)))")
        }
        self.path = path
        file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    /// Whether the disk is so far behind that callers should wait.
    var isCrowded: Bool { state.withLock { $0.count > Self.crowded } }

    func append(_ entry: LedgerEntry) {
        let line = entry.line
        state.withLock { $0.append(contentsOf: line) }
    }

    /// Writes lines until cancelled.
    ///
    /// - Throws: ``SimulatorError/ledger(path:reason:)`` when the file cannot be written.
    func run() async throws(SimulatorError) {
        while !Task.isCancelled {
            try await writeRest()
            // Cancellation ends the pause early, and then the loop's condition ends the loop.
            try? await Task.sleep(for: Self.flushInterval)
        }
    }

    /// Writes the lines appended so far; also when cancelled, so that no decision is missing from the file.
    func writeRest() async throws(SimulatorError) {
        let lines = state.withLock { state in
            defer { state = [] }
            return state
        }
        if !lines.isEmpty { try await write(lines) }
    }

    private func write(_ lines: [UInt8]) async throws(SimulatorError) {
        let reason = await withCheckedContinuation { continuation in
            queue.async { [file] in
                do {
                    try file.write(contentsOf: Data(lines))
                    continuation.resume(returning: String?.none)
                } catch {
                    continuation.resume(returning: "\(error)")
                }
            }
        }
        if let reason { throw .ledger(path: path, reason: "cannot be written: \(reason)") }
    }
}
