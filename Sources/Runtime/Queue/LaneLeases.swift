/// How long a lane waits for somebody who took messages from it.
struct LaneLeases: Hashable, Sendable {
    /// For a daemon that has not asked for clearance yet; counted from the slot.
    var reservation = Duration.seconds(10)
    /// For a message that may have been written: longer than a request and the writing of its outcome take.
    var flight = Duration.seconds(45)
}
