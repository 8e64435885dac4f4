/// How long before its slot a message has to be reserved, so that it is ready to go when the slot comes.
///
/// That depends on how long Postgres and the machine take at the moment. With too little, slots pass while their
/// messages are being prepared, all of that work is for nothing, and under load nothing else happens any more: so it
/// follows the longest preparation of late, and returns slowly.
struct LeadTime: Hashable, Sendable {
    static let shortest = Duration.milliseconds(20)
    static let longest = Duration.milliseconds(500)

    private(set) var duration = shortest
    /// Whether preparation takes longer than any lead may be.
    private(set) var isExceeded = false

    /// Takes note of how long after its reservation a batch was ready.
    mutating func note(_ preparation: Duration) {
        // A quarter more, as the next one may take longer.
        let needed = preparation * 5 / 4
        duration = needed > duration ? needed : duration - (duration - needed) / 16
        isExceeded = duration > Self.longest
        duration = min(max(duration, Self.shortest), Self.longest)
    }
}
