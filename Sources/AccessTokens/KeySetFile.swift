import Dispatch
import Foundation
import Logging
import Synchronization

/// A file of keys that is read again after a change, so that a rotation of keys needs no restart.
///
/// It is checked when it is used, at most once per second, on a queue of its own. While it is missing or broken, the
/// keys that were read last stay in use.
final class KeySetFile: Sendable {
    private static let interval = Duration.seconds(1)

    /// Attributes of a file that change with its content.
    private struct Fingerprint: Equatable {
        let modified: Date?
        let size: Int?
        let number: Int?
    }

    private struct State {
        var keys: TokenKeySet
        var fingerprint: Fingerprint?
        var lookedAt: ContinuousClock.Instant
    }

    /// Reads the keys of a text.
    typealias Parser = @Sendable (_ text: Data) throws(TokenKeyError) -> TokenKeySet

    let path: String
    private let parse: Parser
    private let state: Mutex<State>
    private let queue = DispatchQueue(label: "campaignd.keys")
    private let now: @Sendable () -> ContinuousClock.Instant

    /// Reads the file for the first time.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - parse: Reads its keys; by default a JSON Web Key Set.
    ///   - now: The clock.
    /// - Throws: ``TokenKeyError`` if it has no usable keys.
    init(
        path: String,
        parse: @escaping Parser = { text throws(TokenKeyError) in try TokenKeySet(jwks: text) },
        now: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock().now }
    ) throws(TokenKeyError) {
        self.path = path
        self.parse = parse
        self.now = now
        let fingerprint = Self.fingerprint(path)
        state = Mutex(State(keys: try Self.read(path, parse), fingerprint: fingerprint, lookedAt: now()))
    }

    /// Reads the file now; blocks.
    ///
    /// - Throws: ``TokenKeyError`` if it has no usable keys; the former keys stay.
    func reload() throws(TokenKeyError) {
        let fingerprint = Self.fingerprint(path)
        let keys = try Self.read(path, parse)
        state.withLock { $0 = State(keys: keys, fingerprint: fingerprint, lookedAt: now()) }
    }

    /// Returns the keys of the file, at most one second old.
    ///
    /// - Parameters:
    ///   - id: The `kid` of the token; if it is missing, the file is read again even if it looks unchanged.
    ///   - logger: Logs a file that cannot be used.
    /// - Returns: A new object after each reading of the file, else the same one.
    func keys(for id: String?, logger: @autoclosure () -> Logger) async -> TokenKeySet {
        let (keys, isFresh) = state.withLock { state in
            (state.keys, state.lookedAt.duration(to: now()) < Self.interval)
        }
        if isFresh { return keys }
        let logger = logger()
        return await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: self.look(for: id, logger: logger)) }
        }
    }

    /// Reads the file again if it changed or does not have the key; runs on the queue.
    private func look(for id: String?, logger: Logger) -> TokenKeySet {
        let known = state.withLock { $0 }
        guard known.lookedAt.duration(to: now()) >= Self.interval else { return known.keys }
        let fingerprint = Self.fingerprint(path)
        var keys = known.keys
        if fingerprint != known.fingerprint || keys.key(id) == nil {
            do {
                keys = try Self.read(path, parse)
            } catch {
                logger.warning(
                    "Key file unusable, previous keys stay in use",
                    metadata: ["file": "\(path)", "problem": "\(error)"]
                )
            }
        }
        state.withLock { $0 = State(keys: keys, fingerprint: fingerprint, lookedAt: now()) }
        return keys
    }

    private static func read(_ path: String, _ parse: Parser) throws(TokenKeyError) -> TokenKeySet {
        let data: Data
        do {
            data = try Data(contentsOf: URL(filePath: path))
        } catch {
            throw .unreadable("it cannot be read")
        }
        return try parse(data)
    }

    /// Returns a fingerprint of a file; `nil` if it is missing, which reading it reports.
    private static func fingerprint(_ path: String) -> Fingerprint? {
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: path) else { return nil }
        return Fingerprint(
            modified: attributes[.modificationDate] as? Date,
            size: (attributes[.size] as? NSNumber)?.intValue,
            number: (attributes[.systemFileNumber] as? NSNumber)?.intValue
        )
    }
}
