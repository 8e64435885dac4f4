import Foundation
import Logging
import ServiceLifecycle
import TestSupport
import Testing

@testable import Daemon
@testable import Runtime

/// What a service manager is told, over a socket as that of systemd.
struct ServiceManagerTests {
    /// A socket that takes datagrams, as a service manager has one.
    private final class Listener: Sendable {
        let address: String
        private let descriptor: Int32

        /// Binds a socket.
        ///
        /// - Parameter address: A path, or `@` and a name.
        /// - Throws: An error if the socket cannot be bound.
        init(_ address: String) throws {
            self.address = address
            let kind = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
            descriptor = socket(AF_UNIX, kind, 0)
            var name = sockaddr_un()
            name.sun_family = sa_family_t(AF_UNIX)
            let bytes = address.hasPrefix("@") ? [0] + address.utf8.dropFirst() : Array(address.utf8) + [0]
            withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: bytes) }
            let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
            let bound = withUnsafePointer(to: &name) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
            }
            try #require(bound == 0, "\(address)")
        }

        deinit {
            close(descriptor)
            if !address.hasPrefix("@") { unlink(address) }
        }

        /// Returns the next datagram; `nil` if there is none yet.
        func next() -> String? {
            var buffer = [UInt8](repeating: 0, count: 512)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
        }
    }

    private static let name = "campaigns-\(UUID().uuidString.prefix(8))"
    private static let addresses = ["/tmp/\(name)", "@\(name)"]

    @Test(arguments: addresses) func aStateArrivesOverPathsAndNames(address: String) async throws {
        let listener = try Listener(address)
        let manager = try #require(ServiceManager(environment: ["NOTIFY_SOCKET": address]))
        #expect(await manager.tell("READY=1") == nil)
        #expect(listener.next() == "READY=1")
        #expect(listener.next() == nil)
    }

    @Test func otherAddressesAreNotUsed() {
        let long = "/" + String(repeating: "a", count: 200)
        for address in ["", "vsock:2:1234", "notify", long] {
            #expect(ServiceManager(environment: ["NOTIFY_SOCKET": address]) == nil, "\(address)")
        }
        #expect(ServiceManager(environment: [:]) == nil)
    }

    @Test(arguments: [("180000000", Duration.seconds(180)), ("0", nil), ("soon", nil), (nil, nil)])
    func theWatchdogCountsMicroseconds(text: String?, expected: Duration?) throws {
        var environment = ["NOTIFY_SOCKET": "@nobody"]
        environment["WATCHDOG_USEC"] = text
        #expect(try #require(ServiceManager(environment: environment)).watchdog == expected)
    }

    @Test func aManagerThatDoesNotReadIsGivenUp() async throws {
        let listener = try Listener("@\(Self.name)-full")
        let manager = try #require(ServiceManager(environment: ["NOTIFY_SOCKET": listener.address]))
        var problem: String?
        var sent = 0
        // The kernel keeps a few hundred datagrams at most.
        while problem == nil, sent < 5_000 {
            problem = await manager.tell("WATCHDOG=1")
            sent += 1
        }
        #expect(problem == "it does not read its socket")
        #expect(listener.next() == "WATCHDOG=1")
    }

    @Test func aManagerThatIsGoneIsNoReasonToStop() async throws {
        let manager = try #require(ServiceManager(environment: ["NOTIFY_SOCKET": "@\(Self.name)-gone"]))
        #expect(await manager.tell("READY=1") != nil)
    }

    /// Runs a reporter until the body ends, then shuts it down gracefully.
    private static func report(
        to listener: Listener,
        pulse: LoopPulse,
        longestRound: Duration = .seconds(60),
        served: WakeSignal,
        _ body: () async throws -> Void
    ) async throws {
        let reporter = ServiceReporter(
            manager: ServiceManager(environment: ["NOTIFY_SOCKET": listener.address, "WATCHDOG_USEC": "30000"]),
            served: served,
            pulse: pulse,
            longestRound: longestRound,
            logger: TestDatabase.logger
        )
        let group = ServiceGroup(
            configuration: .init(services: [.init(service: reporter)], logger: TestDatabase.logger)
        )
        try await withThrowingTaskGroup { tasks in
            tasks.addTask { try await group.run() }
            try await body()
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    @Test func aDaemonIsReadyWhenItServesThenLivesThenStops() async throws {
        let listener = try Listener("@\(Self.name)-life")
        let served = WakeSignal()
        try await Self.report(to: listener, pulse: LoopPulse(), served: served) {
            #expect(listener.next() == nil, "it does not serve yet")
            served.notify()
            var told: [String] = []
            try await eventually("it lives for a while") {
                if let next = listener.next() { told.append(next) }
                return told.count >= 4
            }
            #expect(told[0].hasPrefix("READY=1"))
            #expect(told.dropFirst().allSatisfy { $0 == "WATCHDOG=1" })
        }
        var last: String?
        while let next = listener.next() { last = next }
        #expect(last == "STOPPING=1")
    }

    @Test func aDaemonThatStopsBeforeItServesWasNeverReady() async throws {
        let listener = try Listener("@\(Self.name)-early")
        try await Self.report(to: listener, pulse: LoopPulse(), served: WakeSignal()) {}
        #expect(listener.next() == "STOPPING=1")
        #expect(listener.next() == nil)
    }

    @Test func aLoopThatHangsEndsTheSignsOfLife() async throws {
        let listener = try Listener("@\(Self.name)-hung")
        let (served, pulse) = (WakeSignal(), LoopPulse())
        let loop = pulse.begin("heartbeat", at: .now - .seconds(3_600))
        served.notify()
        try await Self.report(to: listener, pulse: pulse, served: served) {
            try await eventually("it is ready") { listener.next()?.hasPrefix("READY=1") ?? false }
            // The loop comes round again, and the first sign of life follows that.
            #expect(listener.next() == nil)
            pulse.note(loop, at: .now)
            try await eventually("it lives") { listener.next() == "WATCHDOG=1" }
        }
    }

    @Test func aPulseKnowsWhichLoopsAreSilent() {
        let pulse = LoopPulse()
        let start = ContinuousClock.now
        let first = pulse.begin("first", at: start)
        let second = pulse.begin("second", at: start)
        pulse.note(first, at: start + .seconds(100))
        #expect(pulse.silent(for: .seconds(60), at: start + .seconds(110)) == ["second"])
        pulse.end(second)
        #expect(pulse.silent(for: .seconds(60), at: start + .seconds(110)) == [])
        #expect(pulse.silent(for: .seconds(60), at: start + .seconds(200)) == ["first"])
    }

    @Test func aVitalLoopIsInThePulseWhileItRuns() async {
        let pulse = LoopPulse()
        await LoopPulse.$current.withValue(pulse) {
            let loop = PeriodicLoop(every: .zero, isVital: true, logger: TestDatabase.logger, failure: "vital")
            await loop.runAdaptively { () async throws -> PeriodicLoop.Next in
                #expect(pulse.silent(for: .zero, at: .now + .seconds(1)) == ["vital"])
                return .end
            }
            let other = PeriodicLoop(every: .zero, logger: TestDatabase.logger, failure: "other")
            await other.runAdaptively { () async throws -> PeriodicLoop.Next in
                #expect(pulse.silent(for: .zero, at: .now + .seconds(1)) == [])
                return .end
            }
        }
        #expect(pulse.silent(for: .zero, at: .now + .seconds(1)) == [])
    }
}
