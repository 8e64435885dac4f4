import Dispatch
import Glibc
internal import Synchronization

/// Resolves a host within a deadline.
///
/// `getaddrinfo` has no deadline and may take half a minute, so it runs on another thread and is abandoned there when
/// it takes too long.
enum RedisResolver {
    private final class Answer: Sendable {
        let result = Mutex<Result<[String], RedisError>>(.success([]))
        let isReady = DispatchSemaphore(value: 0)
    }

    /// Looks up a host.
    ///
    /// - Parameters:
    ///   - host: A name or a numeric address.
    ///   - deadline: The time to give up.
    ///   - tick: Called every 20 ms or so while waiting.
    /// - Returns: The numeric addresses in the order to try them, at least one.
    /// - Throws: ``RedisError/connection(_:)``, or ``RedisError/unknownHost(_:)`` if the DNS has no such name.
    static func addresses(
        of host: String,
        until deadline: ContinuousClock.Instant,
        tick: () -> Void
    ) throws(RedisError) -> [String] {
        if isNumeric(host) { return [host] }
        let answer = Answer()
        DispatchQueue.global().async {
            let found = lookUp(host)
            answer.result.withLock { $0 = found }
            answer.isReady.signal()
        }
        while answer.isReady.wait(timeout: .now() + .milliseconds(20)) == .timedOut {
            tick()
            if ContinuousClock.now >= deadline { throw .connection("looking up the host '\(host)' takes too long") }
        }
        let addresses = try answer.result.withLock { $0 }.get()
        if addresses.isEmpty { throw .unknownHost(host) }
        return addresses
    }

    private static func isNumeric(_ host: String) -> Bool {
        var space = in6_addr()
        return unsafe inet_pton(AF_INET, host, &space) == 1 || inet_pton(AF_INET6, host, &space) == 1
    }

    private static func lookUp(_ host: String) -> Result<[String], RedisError> {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(host, nil, &hints, &list)
        guard code == 0 else {
            // Any other failure, such as a name server that does not answer, may end by itself.
            if code == EAI_NONAME { return .failure(.unknownHost(host)) }
            return .failure(
                .connection("looking up the host '\(host)' failed: \(unsafe String(cString: gai_strerror(code)))")
            )
        }
        defer { unsafe freeaddrinfo(list) }
        var addresses: [String] = []
        var next = unsafe list
        while let entry = unsafe next {
            unsafe next = entry.pointee.ai_next
            var name = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let length = socklen_t(name.count)
            let address = unsafe entry.pointee
            let result = unsafe getnameinfo(
                address.ai_addr,
                address.ai_addrlen,
                &name,
                length,
                nil,
                0,
                NI_NUMERICHOST
            )
            let text = String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            if result == 0 && !addresses.contains(text) { addresses.append(text) }
        }
        return .success(addresses)
    }
}
