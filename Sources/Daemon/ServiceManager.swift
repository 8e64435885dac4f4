import Foundation
import Logging
import Runtime
import ServiceLifecycle
import Settings

/// The service manager that started the daemon, such as systemd: a socket that takes datagrams of `NAME=value` lines.
///
/// The protocol is that of sd_notify(3), for which no library is needed.
struct ServiceManager: Sendable {
    /// Time within which a datagram must be taken.
    private static let patience = Duration.seconds(2)

    /// The path of the socket as the kernel takes it; one of the abstract namespace begins with a zero.
    private let path: [UInt8]
    /// Time without a sign of life after which the manager kills the daemon; `nil` for no limit.
    let watchdog: Duration?

    /// Makes the manager that the environment names; `nil` without a socket, or if its address is of another family or too
    /// long.
    ///
    /// - Parameter environment: The variables of the process. `NOTIFY_SOCKET` is a path, or `@` and a name of the abstract
    ///   namespace; `WATCHDOG_USEC` counts microseconds.
    init?(environment: [String: String]) {
        guard let address = environment["NOTIFY_SOCKET"], let first = address.utf8.first,
            address.utf8.count < MemoryLayout.size(ofValue: sockaddr_un().sun_path)
        else { return nil }
        switch first {
        case UInt8(ascii: "/"): path = Array(address.utf8) + [0]
        case UInt8(ascii: "@"): path = [0] + address.utf8.dropFirst()
        default: return nil
        }
        watchdog = environment["WATCHDOG_USEC"].flatMap(Int64.init).flatMap { $0 > 0 ? .microseconds($0) : nil }
    }

    /// Tells the manager a state; a manager that is gone or does not listen is not waited for.
    ///
    /// - Parameter state: The state, such as `READY=1`.
    /// - Returns: The problem if it could not be told; `nil` if it was.
    func tell(_ state: String) async -> String? {
        let deadline = ContinuousClock.now + Self.patience
        while true {
            let error = send(Array(state.utf8))
            guard error == EAGAIN || error == ENOBUFS || error == EINTR else {
                return error == 0 ? nil : String(cString: strerror(error))
            }
            // Its queue is full. Cancellation ends the sleep early, and then there is one more attempt.
            guard ContinuousClock.now < deadline, !Task.isCancelled else { return "it does not read its socket" }
            try? await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Sends a datagram, and never blocks.
    ///
    /// - Returns: The number of the error; 0 if it was sent.
    private func send(_ bytes: [UInt8]) -> Int32 {
        let kind = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        // In the abstract namespace every byte counts, so the length ends with the name.
        let start = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? MemoryLayout<sa_family_t>.size
        let length = socklen_t(start + path.count)
        let sent = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), pointer, length)
            }
        }
        return sent == bytes.count ? 0 : errno
    }
}

/// Tells the service manager that the daemon serves, that it lives, and that it stops.
///
/// The sign of life stays away when a vital loop no longer comes round: then the manager restarts the daemon. It also stays
/// away when no task is scheduled any more, as this one is a task, too.
struct ServiceReporter: Service {
    /// Time in which a vital loop must come round: each of its calls to the outside has a deadline of at most 30 s.
    static let longestRound = Duration.seconds(120)

    private let manager: ServiceManager?
    private let served: WakeSignal
    private let pulse: LoopPulse
    private let longestRound: Duration
    private let logger: Logger

    /// Makes a reporter.
    ///
    /// - Parameters:
    ///   - manager: The manager; `nil` if none started the daemon.
    ///   - served: Notified when the daemon accepts connections; this is its only waiter.
    ///   - pulse: The vital loops.
    ///   - longestRound: Time in which each of them must come round.
    ///   - logger: The log.
    init(
        manager: ServiceManager?,
        served: WakeSignal,
        pulse: LoopPulse,
        longestRound: Duration = ServiceReporter.longestRound,
        logger: Logger
    ) {
        (self.manager, self.served, self.pulse) = (manager, served, pulse)
        (self.longestRound, self.logger) = (longestRound, logger)
    }

    func run() async {
        if let manager {
            await cancelWhenGracefulShutdown { await self.report(to: manager) }
            await tell("STOPPING=1", manager)
        } else {
            // No manager is to be told; a service that ends would end the daemon. Throws only when it is cancelled.
            try? await gracefulShutdown()
        }
    }

    /// Reports until a shutdown begins.
    private func report(to manager: ServiceManager) async {
        var isServing = false
        while !isServing, !Task.isCancelled {
            isServing = await served.isNotified(within: .seconds(60), clock: ContinuousClock())
        }
        // A cancelled wait counts as a notification.
        guard isServing, !Task.isCancelled else { return }
        await tell("READY=1\nSTATUS=Serving", manager)
        guard let watchdog = manager.watchdog else {
            // Only the shutdown is left to be told; it cancels this.
            try? await gracefulShutdown()
            return
        }
        var wasAlive = true
        while !Task.isCancelled {
            let silent = pulse.silent(for: longestRound)
            if silent.isEmpty {
                await tell("WATCHDOG=1", manager)
            } else if wasAlive {
                logger.critical(
                    "The daemon hangs, its service manager will restart it",
                    metadata: ["loops": "\(silent.joined(separator: "; "))"]
                )
            }
            wasAlive = silent.isEmpty
            // Half of the time is what sd_watchdog_enabled(3) recommends; a third leaves room for one that is lost.
            try? await Task.sleep(for: watchdog / 3)
        }
    }

    private func tell(_ state: String, _ manager: ServiceManager) async {
        guard let problem = await manager.tell(state) else { return }
        logger.warning(
            "Could not tell the service manager",
            metadata: ["state": "\(state.prefix { $0 != "\n" })", "problem": "\(problem)"]
        )
    }
}
