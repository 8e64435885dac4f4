/// The state of the lease that holds a message in Redis; the first letter of its entry in the lane's `held` hash.
public enum LeaseState: String, Lifecycle {
    case reserved = "r"
    case prepared = "p"
    case fired = "f"

    public enum Event: String, LifecycleEvent {
        case mark, unmark, takeOver, fire
    }

    public var meaning: String {
        switch self {
        case .reserved: "The message has a slot and a lease. A worker may be preparing its request."
        case .prepared: "The request is prepared and not written: it waits for its slot."
        case .fired: "The request may have been written."
        }
    }

    public var exits: KeyValuePairs<Event, LeaseState> {
        switch self {
        case .reserved: [.mark: .prepared, .takeOver: .prepared, .fire: .fired]
        case .prepared: [.unmark: .reserved, .takeOver: .prepared, .fire: .fired]
        case .fired: [.takeOver: .fired]
        }
    }

    /// True if the request may have been written.
    public var mayBeWritten: Bool { self == .fired }
}

extension LeaseState.Event {
    public var movers: [Mover] {
        switch self {
        case .mark, .unmark, .fire: [.worker]
        case .takeOver: [.reaper]
        }
    }

    public var cause: String {
        switch self {
        case .mark: "the requests of the batch are prepared (`mark.lua`)"
        case .unmark: "a worker begins to prepare the request (`mark.lua`)"
        case .takeOver: "the lease expired and the reaper holds the message until Postgres has decided (`recover.lua`)"
        case .fire: "the worker asks for the last time, right before it writes the request (`fire.lua`)"
        }
    }
}
