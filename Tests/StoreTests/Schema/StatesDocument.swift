import Foundation
import Store

/// `docs/states.md`, printed from the tables of moves.
enum StatesDocument {
    static let text = """
        # States

        This page is printed from the tables in `Sources/Store/States`, and a test compares both. Write it anew with
        `DOCUMENTS_RECORD=1 Scripts/test --filter StatesDocumentTests`. Statements about campaigns, runs and chunks take their
        conditions from the same tables, so a move that is not listed here changes nothing.

        A move from a state to itself writes its reason or its time anew. The columns are described in [data](data.md).

        ## Who moves

        | mover | what it is |
        |---|---|
        \(Mover.allCases.map { "| \($0.rawValue) | \($0.meaning) |" }.joined(separator: "\n"))

        \(section(CampaignStatus.self, "Campaign", """
            A campaign is created as `draft`. `campaign_status_moves` in Postgres holds the same moves, and a trigger refuses all \
            others. Runs are locked before their campaign.
            """))

        \(section(RunStatus.self, "Run", """
            A run is created as `launching`; the standing run of a trigger, and a run that repeats failed messages, as \
            `running`. A campaign has at most one open run \
            (`launching`, `running` or `paused`), not counting superseded ones.
            """))

        \(section(MessageStatus.self, "Message", """
            A message is created as `pending`. Each statement moves a batch of messages and the counters of their runs. \
            After a message is `cancelled`, `failed` or accepted, only reports of WhatsApp move it.
            """))

        \(section(ChunkStatus.self, "Chunk", """
            A chunk is created as `waiting`. A fed chunk of a standing run is deleted when its messages are settled.
            """))

        \(section(SubmissionStatus.self, "Submission", """
            A wish of a plan to change a template at WhatsApp is created as `wanted`. WhatsApp's review of the template is no part of \
            it: see [account](account.md#submitting).
            """))

        \(section(LeaseState.self, "Lease", """
            A lease is a number that a worker draws for a batch. It holds each message of the batch twice: in Redis, with the \
            states below, and in `campaign_messages.holder` from the claim until the outcome. `reserve.lua` creates it as \
            `reserved`; after a rebuild of the lane, messages that Postgres shows as `sending` begin as `fired`. `settle.lua` ends \
            it in any state, after Postgres knows the outcome. If it expires first, the reaper asks Postgres: a fired message \
            becomes `unconfirmed`, any other one is queued again. An entry that was lost counts as fired. A lease begins with the \
            number of its daemon; when that daemon dies, its leases expire at once, except those that are fired (`abandon.lua`).
            """))

        """

    private static func section<State: Lifecycle>(_ type: State.Type, _ title: String, _ words: String) -> String {
        """
        ## \(title)

        \(words)

        | state | meaning |
        |---|---|
        \(State.allCases.map { "| `\(name($0))` | \($0.meaning) |" }.joined(separator: "\n"))

        ```mermaid
        stateDiagram-v2
        \(diagram(type))
        ```

        | from | to | event | made by | when |
        |---|---|---|---|---|
        \(State.moves.map(row).joined(separator: "\n"))
        """
    }

    private static func row<State: Lifecycle>(_ move: Move<State>) -> String {
        let movers = move.event.movers.map(\.rawValue).joined(separator: ", ")
        let event = move.event
        return "| `\(name(move.from))` | `\(name(move.to))` | \(event.rawValue) | \(movers) | \(event.cause) |"
    }

    /// One arrow for each pair of states, with all events that make the move.
    private static func diagram<State: Lifecycle>(_ type: State.Type) -> String {
        State.allCases.flatMap { from in
            State.allCases.compactMap { to -> String? in
                let events = State.moves.filter { $0.from == from && $0.to == to && from != to }.map(\.event.rawValue)
                return events.isEmpty ? nil : "    \(name(from)) --> \(name(to)): \(events.joined(separator: ", "))"
            }
        }.joined(separator: "\n")
    }

    /// The case's name: leases are stored as a letter.
    private static func name(_ state: some Lifecycle) -> String { "\(state)" }
}
