/// The state of a chunk; the values of `campaign_chunk_status_enum`.
public enum ChunkStatus: String, Lifecycle {
    case waiting, feeding, fed

    public enum Event: String, LifecycleEvent {
        case claim, takeOver, finish, abandon, feedAgain
    }

    public var meaning: String {
        switch self {
        case .waiting: "Its messages are `pending`, or must be put into the lane again; it is fed from `notBefore` on."
        case .feeding: "A daemon queues its messages and pushes their ids, until `leaseUntil`."
        case .fed: "The ids of its messages are in the lane, or were."
        }
    }

    public var exits: KeyValuePairs<Event, ChunkStatus> {
        switch self {
        case .waiting: [.claim: .feeding, .feedAgain: .waiting]
        case .feeding: [.takeOver: .feeding, .finish: .fed, .abandon: .waiting, .feedAgain: .waiting]
        case .fed: [.feedAgain: .waiting]
        }
    }
}

extension ChunkStatus.Event {
    public var movers: [Mover] {
        switch self {
        case .claim, .takeOver, .finish, .abandon: [.feeder]
        case .feedAgain: [.command, .api, .completer, .retries, .rebuild]
        }
    }

    public var cause: String {
        switch self {
        case .claim: "it is due, and the lane has room"
        case .takeOver: "`leaseUntil` has passed: the daemon that fed it did not finish"
        case .finish: "the ids are in the lane"
        case .abandon: "the ids could not be pushed"
        case .feedAgain:
            "its run is resumed, an unconfirmed or capped message of it is retried, quiet hours of a contact ended, or the lane was lost"
        }
    }
}
