/// The states of the rows of one table, with the moves between them: the only place that defines which moves are
/// allowed.
///
/// A new state does not compile until it has a meaning and its exits. `docs/states.md` is printed from these tables, and
/// every statement that writes a status takes its conditions from them.
public protocol Lifecycle: RawRepresentable<String>, CaseIterable, Hashable, Sendable where AllCases == [Self] {
    associatedtype Event: LifecycleEvent

    /// The meaning of the state, for `docs/states.md`.
    var meaning: String { get }
    /// The moves out of this state; a move to the state itself writes the reason or a time anew.
    var exits: KeyValuePairs<Event, Self> { get }
}

/// The event that makes a row leave a state.
public protocol LifecycleEvent: RawRepresentable<String>, CaseIterable, Hashable, Sendable where AllCases == [Self] {
    /// The parts of the system that make the move.
    var movers: [Mover] { get }
    /// The cause of the event, for `docs/states.md`.
    var cause: String { get }
}

/// One allowed move.
public struct Move<State: Lifecycle>: Hashable, Sendable {
    public let from: State
    public let to: State
    public let event: State.Event
}

extension Lifecycle {
    /// All allowed moves.
    public static var moves: [Move<Self>] {
        allCases.flatMap { state in state.exits.map { Move(from: state, to: $0.value, event: $0.key) } }
    }

    /// Returns the states in which an event may happen.
    public static func sources(of event: Event) -> [Self] {
        allCases.filter { state in state.exits.contains { $0.key == event } }
    }

    /// Returns the states to which an event leads.
    static func targets(of event: Event) -> [Self] {
        allCases.filter { state in moves.contains { $0.event == event && $0.to == state } }
    }
}

/// The parts of the system that move rows from state to state.
public enum Mover: String, CaseIterable, Sendable {
    case command, api, reconcile, launcher, scheduler, trigger, feeder, worker, outcomes, reaper, rebuild, canceller
    case retries, completer, guards, submitter, webhook, database, nothing

    public var meaning: String {
        switch self {
        case .command: "a command of `campaignd`, such as `send` or `pause`"
        case .api: "a request to the REST API"
        case .reconcile: "`reconcile`, when it deletes a campaign or wishes a template"
        case .launcher: "the service that opens runs and writes their messages in batches"
        case .scheduler: "the service that fires schedules and campaigns with a start time"
        case .trigger: "the intake of events"
        case .feeder: "the service that moves due chunks from Postgres into lanes"
        case .worker: "the worker of a lane, which claims, renders and sends messages"
        case .outcomes: "the writer of outcomes, behind the workers"
        case .reaper: "the maintenance of a lane, which settles expired leases"
        case .rebuild: "the rebuild of the lanes of a quota group after Redis lost them"
        case .canceller: "the service that cancels the waiting messages of cancelled runs"
        case .retries: "the services that retry messages whose answer was lost, and those that WhatsApp capped"
        case .completer: "the service that completes runs and resumes those for which quota returned"
        case .guards: "the guards, which pause runs whose messages fail alike or too often"
        case .submitter: "the service that submits templates to WhatsApp"
        case .webhook: "a webhook of WhatsApp"
        case .database: "a trigger function in Postgres"
        case .nothing: "nothing today: the database allows the move, and no code makes it"
        }
    }
}
