import Dispatch
import Foundation
import JSON
import Synchronization

/// The append-only file of requests, written in the order of decisions.
///
/// Appending only copies into memory; ``run()`` writes the lines to the file every 50 ms on a queue of its own, because
/// a disk may block. Lines are not synced to the disk: the ledger survives the process, not the machine.
final class Ledger: Sendable {
    private static let flushInterval = Duration.milliseconds(50)
    private static let crowded = 64 << 20

    private let path: String
    private let file: FileHandle
    private let queue = DispatchQueue(label: "ledger")
    private let state = Mutex<[UInt8]>([])

    /// Opens the file for appending, and creates it if it is absent.
    init(path: String) throws(SimulatorError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw .ledger(path: path, reason: "cannot be opened for writing: \(String(cString: strerror(errno)))")
        }
        self.path = path
        file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    /// True if the disk is so far behind that callers should wait.
    var isCrowded: Bool { state.withLock { $0.count > Self.crowded } }

    func append(_ entry: LedgerEntry) {
        let line = entry.line
        state.withLock { $0.append(contentsOf: line) }
    }

    /// Appends a call of the management side.
    func append(_ entry: ManagementEntry) {
        // An entry has only numbers and texts, which can always be encoded.
        guard let line = try? entry.line() else { return }
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

/// One request in the ledger: its time, recipient and outcome.
public struct LedgerEntry: Codable, Hashable, Sendable {
    /// The outcome of a request.
    public enum Answer: String, Codable, Sendable {
        /// The message was accepted, and the caller got the answer.
        case accepted
        /// The message was not taken.
        case rejected
        /// The message was accepted, but the caller got no complete answer.
        case lost
    }

    /// Nanoseconds of `CLOCK_MONOTONIC` at the decision; lines of one run never go back.
    public var monotonic: Int64
    /// Milliseconds since 1970 at the decision.
    public var wall: Int64
    /// The phone number that was asked to send; empty when the path held none.
    public var phoneNumberId: String
    /// The recipient as the caller wrote it; empty when it could not be read.
    public var recipient: String
    /// The correlation data of the request; `nil` when there was none.
    public var callbackData: String?
    /// The HTTP status of the answer; 0 when none was sent.
    public var status: Int
    /// The outcome of the request.
    public var answer: Answer
    /// The id given to the message; `nil` when it was rejected.
    public var wamid: String?
    /// The error code; `nil` when the message was taken, or the answer carried no code.
    public var code: Int?

    /// Makes an entry from its values.
    public init(
        monotonic: Int64,
        wall: Int64,
        phoneNumberId: String,
        recipient: String,
        callbackData: String? = nil,
        status: Int,
        answer: Answer,
        wamid: String? = nil,
        code: Int? = nil
    ) {
        self.monotonic = monotonic
        self.wall = wall
        self.phoneNumberId = phoneNumberId
        self.recipient = recipient
        self.callbackData = callbackData
        self.status = status
        self.answer = answer
        self.wamid = wamid
        self.code = code
    }

    /// The entry as one line of JSON with its line end.
    var line: [UInt8] {
        var json = JSONWriter(capacity: 320)
        json.raw("{\"monotonic\":")
        json.number(monotonic)
        json.raw(",\"wall\":")
        json.number(wall)
        json.raw(",\"phoneNumberId\":")
        json.string(phoneNumberId)
        json.raw(",\"recipient\":")
        json.string(recipient)
        if let callbackData {
            json.raw(",\"callbackData\":")
            json.string(callbackData)
        }
        json.raw(",\"status\":")
        json.number(status)
        json.raw(",\"answer\":\"\(answer.rawValue)\"")
        if let wamid { json.raw(",\"wamid\":\"\(wamid)\"") }
        if let code {
            json.raw(",\"code\":")
            json.number(code)
        }
        json.raw("}\n")
        return json.bytes
    }
}

/// The summary of a ledger: accepted, repeated and rejected requests, and their rate.
public struct LedgerSummary: Sendable {
    /// All requests.
    public private(set) var requests = 0
    /// Accepted requests, also those without a complete answer to the caller.
    public private(set) var accepted = 0
    /// Rejected requests.
    public private(set) var rejected = 0
    /// Requests among ``accepted`` without a complete answer to the caller.
    public private(set) var lost = 0
    /// Rejections by error code; 0 counts answers without a code.
    public private(set) var rejectedByCode: [Int: Int] = [:]

    private var acceptedByRecipient: [String: Int] = [:]
    private var requestSeconds: [String: SlidingSecond] = [:]
    private var acceptedSeconds: [String: SlidingSecond] = [:]

    /// Makes an empty summary.
    public init() {}

    /// Number of recipients that were sent at least one message.
    public var recipients: Int { acceptedByRecipient.count }

    /// Number of accepted messages for each recipient with more than one.
    public var repeatedRecipients: [String: Int] { acceptedByRecipient.filter { $0.value > 1 } }

    /// The most requests in any sliding second, by phone number id.
    public var mostRequestsInOneSecond: [String: Int] { requestSeconds.mapValues(\.most) }

    /// The most accepted requests in any sliding second, by phone number id.
    public var mostAcceptedInOneSecond: [String: Int] { acceptedSeconds.mapValues(\.most) }

    /// Returns the number of messages that `recipient` was sent; the recipient as the caller wrote it.
    public func acceptedCount(of recipient: String) -> Int { acceptedByRecipient[recipient] ?? 0 }

    /// Adds the next entry; times must not go back, as in a ledger.
    public mutating func add(_ entry: LedgerEntry) {
        requests += 1
        requestSeconds[entry.phoneNumberId, default: SlidingSecond()].add(entry.monotonic)
        guard entry.answer != .rejected else {
            rejected += 1
            rejectedByCode[entry.code ?? 0, default: 0] += 1
            return
        }
        accepted += 1
        if entry.answer == .lost { lost += 1 }
        acceptedByRecipient[entry.recipient, default: 0] += 1
        acceptedSeconds[entry.phoneNumberId, default: SlidingSecond()].add(entry.monotonic)
    }
}
