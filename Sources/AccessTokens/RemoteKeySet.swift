import Synchronization

/// The keys of an identity provider, as they were fetched last.
///
/// A service of the daemon fetches them, when ``pause`` is over or a request asks for a key that is not among them.
/// Requests wait for a fetch that is under way; its deadline is theirs.
package final class RemoteKeySet: Sendable {
    /// The place of the keys.
    package enum Source: Sendable {
        case keys(SecureAddress)
        /// The metadata of a provider say where.
        case provider(SignIn)
    }

    /// A JSON Web Key Set as it was fetched.
    package struct Document: Sendable {
        let bytes: [UInt8]
        let cacheControl: String?

        package init(bytes: [UInt8], cacheControl: String?) {
            (self.bytes, self.cacheControl) = (bytes, cacheControl)
        }
    }

    private struct State {
        var keys: TokenKeySet?
        var bytes: [UInt8] = []
        var freshness = KeySetFreshness()
        /// True from the moment at which a fetch is asked for until it has ended.
        var isUnderWay = false
        var waiters: [CheckedContinuation<Void, Never>] = []
        /// Wakes the service; `nil` while none runs.
        var wake: (@Sendable () -> Void)?

        enum Lookup {
            case known(TokenKeySet?)
            /// A fetch is under way, or begins when the service is woken.
            case waits(wake: (@Sendable () -> Void)?)
        }

        mutating func lookUp(_ id: String?, at now: ContinuousClock.Instant) -> Lookup {
            let keys = usableKeys(at: now)
            let isMissing = keys.map { id != nil && $0.key(id) == nil } ?? true
            guard isMissing, let wake else { return .known(keys) }
            if isUnderWay { return .waits(wake: nil) }
            guard freshness.mayFetch(at: now) else { return .known(keys) }
            isUnderWay = true
            return .waits(wake: wake)
        }

        func usableKeys(at now: ContinuousClock.Instant) -> TokenKeySet? {
            freshness.isUsable(at: now) ? keys : nil
        }
    }

    package let source: Source
    private let state = Mutex(State())
    private let now: @Sendable () -> ContinuousClock.Instant

    init(_ source: Source, now: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock().now }) {
        (self.source, self.now) = (source, now)
    }

    /// Returns the keys in use.
    ///
    /// - Parameter id: The `kid` of the token. An unknown one has the keys fetched again, but not for each request:
    ///   anybody can send one.
    /// - Returns: A new object after each change of the keys, else the same one; `nil` if there are none, or only ones that
    ///   were fetched too long ago.
    func keys(for id: String?) async -> TokenKeySet? {
        switch state.withLock({ $0.lookUp(id, at: now()) }) {
        case .known(let keys): return keys
        case .waits(let wake): wake?()
        }
        await withCheckedContinuation { waiter in
            let isOver = state.withLock { state in
                if state.isUnderWay { state.waiters.append(waiter) }
                return !state.isUnderWay
            }
            if isOver { waiter.resume() }
        }
        return state.withLock { $0.usableKeys(at: now()) }
    }

    /// The time until the keys are to be fetched.
    package var pause: Duration { state.withLock { $0.isUnderWay ? .zero : $0.freshness.pause(at: now()) } }

    /// Fetches the keys; requests that wait for them go on.
    ///
    /// - Parameter fetch: Fetches the document, within a deadline.
    /// - Throws: The error of `fetch`, or one that says why the document cannot be used; the former keys stay.
    package func refresh(_ fetch: () async throws -> Document) async throws {
        state.withLock { state in
            state.isUnderWay = true
            state.freshness.began(at: now())
        }
        let result: Result<Void, any Error>
        do {
            let document = try await fetch()
            let known = state.withLock { $0.bytes == document.bytes ? $0.keys : nil }
            // Verified tokens stay in the cache as long as their keys are the same object.
            let keys = try known ?? TokenKeySet(jwks: document.bytes, isOurs: false)
            state.withLock { state in
                (state.keys, state.bytes) = (keys, document.bytes)
                state.freshness.succeeded(at: now(), cacheControl: document.cacheControl)
            }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        end()
        try result.get()
    }

    /// Takes the way to wake the service that fetches; requests wait for it only from then on.
    package func serve(wake: @escaping @Sendable () -> Void) { state.withLock { $0.wake = wake } }

    /// Lets nothing wait any more, because the service ends.
    package func stop() {
        state.withLock { $0.wake = nil }
        end()
    }

    /// Has the service fetch the keys now.
    func reload() {
        state.withLock { state in
            if state.wake != nil { state.isUnderWay = true }
            return state.wake
        }?()
    }

    private func end() {
        let waiters = state.withLock { state in
            defer { (state.isUnderWay, state.waiters) = (false, []) }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }
}

/// Decides when keys are fetched again, and for how long they may be used.
struct KeySetFreshness: Sendable {
    /// The lifetime of keys whose provider names none, or a shorter one.
    static let shortestLifetime = Duration.seconds(5 * 60)
    /// The longest lifetime, after which a removed key ends at last.
    static let longestLifetime = Duration.seconds(24 * 3_600)
    /// The least time between two fetches, whatever tokens come, and the pause after a failure.
    static let shortestInterval = Duration.seconds(30)
    /// The longest time after their lifetime for which keys are used while the provider cannot be reached.
    static let longestOutage = Duration.seconds(24 * 3_600)

    private var begunAt: ContinuousClock.Instant?
    private var fetchedAt: ContinuousClock.Instant?
    private var hasFailed = false
    private var lifetime = KeySetFreshness.shortestLifetime

    mutating func began(at now: ContinuousClock.Instant) { (begunAt, hasFailed) = (now, true) }

    mutating func succeeded(at now: ContinuousClock.Instant, cacheControl: String?) {
        (fetchedAt, hasFailed) = (now, false)
        lifetime = Self.lifetime(cacheControl)
    }

    /// Returns true if a token with an unknown key may have the keys fetched.
    func mayFetch(at now: ContinuousClock.Instant) -> Bool {
        begunAt.map { $0.duration(to: now) >= Self.shortestInterval } ?? true
    }

    func pause(at now: ContinuousClock.Instant) -> Duration {
        guard let begunAt else { return .zero }
        return max(.zero, (hasFailed ? Self.shortestInterval : lifetime) - begunAt.duration(to: now))
    }

    func isUsable(at now: ContinuousClock.Instant) -> Bool {
        fetchedAt.map { $0.duration(to: now) < lifetime + Self.longestOutage } ?? false
    }

    /// Returns the lifetime that a `Cache-Control` names (RFC 9111, 5.2.2.1), within bounds.
    static func lifetime(_ cacheControl: String?) -> Duration {
        let directives = (cacheControl ?? "").lowercased().split(separator: ",").map { text in
            text.filter { !$0.isWhitespace && $0 != "\"" }
        }
        guard !directives.contains("no-store"), !directives.contains("no-cache"),
            let seconds = directives.lazy.compactMap({ $0.hasPrefix("max-age=") ? Int($0.dropFirst(8)) : nil }).first
        else { return shortestLifetime }
        return min(max(.seconds(min(seconds, 1 << 30)), shortestLifetime), longestLifetime)
    }
}
