/// How long a lane waits for somebody who took messages from it.
package struct LaneLeases: Hashable, Sendable {
    /// What a lease must be longer than a request: the time to write the outcome after the answer.
    static let outcomeMargin = Duration.seconds(5)

    /// For a daemon that has not asked for clearance yet; counted from the slot.
    var reservation = Duration.seconds(10)
    /// For a message that may have been written: longer than a request and the writing of its outcome take.
    package var flight = WhatsAppClient.defaultTimeout + .seconds(15)

    package init(
        reservation: Duration = .seconds(10),
        flight: Duration = WhatsAppClient.defaultTimeout + .seconds(15)
    ) {
        self.reservation = reservation
        self.flight = flight
    }

    /// The shortest lease that outlives a request; with a shorter one, messages that are still being sent look lost.
    package static func shortestFlight(requestTimeout: Duration) -> Duration { requestTimeout + outcomeMargin }
}
