/// The number of a daemon, new at each start, with which all its leases begin.
///
/// So a lease names its daemon, in Redis and in Postgres alike. Older daemons draw random leases, which name no daemon but by
/// chance.
public struct DaemonNumber: Hashable, Sendable, CustomStringConvertible {
    /// Numbers of ten digits that a column of type `integer` can hold.
    public static let range = 1_000_000_000...Int(Int32.max)
    /// Number of leases of one daemon.
    private static let leases: Int64 = 1_000_000_000

    public let value: Int

    /// Draws a number.
    public init() {
        value = .random(in: Self.range)
    }

    /// Reads a stored number; `nil` if it is out of range.
    public init?(_ value: Int) {
        guard Self.range.contains(value) else { return nil }
        self.value = value
    }

    /// Makes the lease with a serial number.
    ///
    /// - Parameter serial: Any number; after a billion leases they repeat.
    /// - Returns: A number of 19 digits, of which the first ten are the daemon's.
    public func lease(_ serial: Int64) -> Int64 {
        Int64(value) * Self.leases + (serial % Self.leases + Self.leases) % Self.leases
    }

    public var description: String { String(value) }
}
