public import Calendar
public import Foundation
public import JSON
public import Postgres
public import Spec
import Spelling

/// The time zones of an audience: whose clock shows when a contact gets the message of a schedule with `localTime`.
///
/// The zone of a contact is `metadata.timeZone`, if that is the name of a zone; else the zone of its number or user id
/// (`number_zones`); else the ``fallback``.
public struct AudienceZones: Hashable, Sendable {
    /// The contacts of each zone, more than zero.
    public private(set) var contacts: [IANAZone: Int]
    /// The zone of contacts of whom no other is known: that of the tenant, or else of the schedule.
    public let fallback: IANAZone

    init(contacts: [IANAZone: Int], fallback: IANAZone) {
        (self.contacts, self.fallback) = (contacts, fallback)
    }

    /// The zones with their contacts, the largest first.
    public var sorted: [(zone: IANAZone, contacts: Int)] {
        contacts.map { ($0.key, $0.value) }.sorted { ($1.1, $0.0.identifier) < ($0.1, $1.0.identifier) }
    }

    /// The zones in words: `3 zones: Africa/Nairobi 1,200, America/Sao_Paulo 34, Europe/London 2`.
    public var words: String {
        let shown = sorted.prefix(Self.shown).map { "\($0.zone.identifier) \($0.contacts.grouped)" }
        let rest = contacts.count > Self.shown ? ", and \(contacts.count - Self.shown) more" : ""
        guard !contacts.isEmpty else { return "no zone, because the audience is empty" }
        return NumberText.count(contacts.count, "zone") + ": " + shown.joined(separator: ", ") + rest
    }

    /// The zones with their contacts, the largest first.
    public var json: JSONValue {
        .array(sorted.map { ["timeZone": .string($0.zone.identifier), "contacts": .integer($0.contacts)] })
    }

    /// The most zones that are named.
    private static let shown = 12

    /// The number of a contact `c`, or its user id, which begins with its country.
    static let number: PostgresQuery = "coalesce(c.\"currentNumber\", c.\"contactId\")"

    /// Counts the contacts of an audience by their zone.
    ///
    /// - Parameters:
    ///   - tenant: The owner of the contacts.
    ///   - audience: The condition for the contacts, as `c`.
    ///   - zone: The zone of the schedule.
    ///   - connection: The connection to use.
    /// - Returns: The zones.
    /// - Throws: `PostgresError`.
    static func read(
        tenant: String,
        where audience: PostgresQuery,
        else zone: IANAZone,
        on connection: PostgresConnection
    ) async throws -> AudienceZones {
        let own = try await connection.query(
            """
            SELECT "timeZone" FROM tenants WHERE "tenantId" = \(tenant) AND "archivedAt" IS NULL
            """
        )
        let fallback = try own.first?.decode(0, as: String?.self).flatMap { IANAZone($0) } ?? zone
        // Texts that cannot be names of zones are left out here, so that they make no groups of their own.
        let rows = try await connection.query(
            """
            SELECT g.name, zone_of_number(g.beginning), sum(g.contacts)::bigint FROM (
                SELECT CASE WHEN c.metadata ->> 'timeZone' ~ '^[A-Za-z][A-Za-z0-9_+/-]{1,63}$'
                        THEN c.metadata ->> 'timeZone' END AS name,
                    -- Millions of numbers have a few thousand beginnings.
                    left(ltrim(\(fragment: number), '+'), 6) AS beginning, count(*) AS contacts
                FROM contacts c WHERE \(fragment: audience) GROUP BY 1, 2
            ) g GROUP BY 1, 2
            """,
            deadline: .seconds(300)
        )
        var contacts: [IANAZone: Int] = [:]
        for row in rows {
            let zone =
                try row.decode(0, as: String?.self).flatMap { IANAZone($0) }
                ?? row.decode(1, as: String?.self).flatMap { IANAZone($0) } ?? fallback
            contacts[zone, default: 0] += try row.decode(2)
        }
        return AudienceZones(contacts: contacts, fallback: fallback)
    }
}

extension AudienceRepository {
    /// Counts the recipients of a filter by their time zone, as a schedule with `localTime` would.
    ///
    /// - Parameters:
    ///   - tenant: The owner of the contacts.
    ///   - filter: The filter.
    ///   - category: The category of the message.
    ///   - zone: The zone of the schedule, for contacts of whom no other is known if the tenant has none.
    ///   - now: The instant of the launch.
    /// - Returns: The zones.
    /// - Throws: `PostgresError`.
    public func zones(
        tenant: String,
        filter: AudienceFilter,
        category: TemplateSpec.Category,
        else zone: IANAZone,
        now: Date
    ) async throws -> AudienceZones {
        try await pool.withConnection { connection in
            try await Self.zones(
                tenant: tenant,
                filter: filter,
                category: category,
                else: zone,
                now: now,
                on: connection
            )
        }
    }

    /// Counts the recipients of a filter by their time zone, in the caller's transaction.
    public static func zones(
        tenant: String,
        filter: AudienceFilter,
        category: TemplateSpec.Category,
        else zone: IANAZone,
        now: Date,
        on connection: PostgresConnection
    ) async throws -> AudienceZones {
        try await AudienceZones.read(
            tenant: tenant,
            where: AudienceQuery.recipients(tenant: tenant, filter: filter, category: category, now: now),
            else: zone,
            on: connection
        )
    }
}

/// The contacts of a run in one time zone, as its start found them.
public struct RunZone: Hashable, Sendable {
    public let timeZone: String
    /// The instant at which the time of the run comes in the zone.
    public let sendAt: Date
    public let contacts: Int
    /// The reason why its contacts get nothing, for people; `nil` if they get the message.
    public let skipped: String?
}

extension RunRepository {
    /// Returns the zones of runs that are sent by the clock of each contact, the first to be sent first.
    ///
    /// - Parameters:
    ///   - runs: The runs; those without zones are left out of the answer.
    ///   - tenant: The owner of the runs.
    /// - Returns: The zones by run.
    /// - Throws: `PostgresError`.
    public func zones(of runs: [UUID], tenant: String) async throws -> [UUID: [RunZone]] {
        guard !runs.isEmpty else { return [:] }
        let rows = try await pool.query(
            """
            SELECT "runId", zone, "sendAt", contacts, "skipCode" FROM run_zones
            WHERE "runId" = ANY(\(runs)::uuid[]) AND "tenantId" = \(tenant) ORDER BY "sendAt", zone
            """
        )
        var zones: [UUID: [RunZone]] = [:]
        for row in rows {
            let code = try row.decode("skipCode", as: String?.self)
            let zone = RunZone(
                timeZone: try row.decode("zone"),
                sendAt: try row.decode("sendAt"),
                contacts: try row.decode("contacts"),
                skipped: code.map { LocalTimes.SkipCode(rawValue: $0)?.message ?? $0 }
            )
            zones[try row.decode("runId", as: UUID.self), default: []].append(zone)
        }
        return zones
    }
}

/// The instants at which contacts get the message of a run, by their zones: when one time comes on their clocks, or at once;
/// a pure value.
public struct LocalTimes: Hashable, Sendable {
    /// The contacts of a zone, and what becomes of their messages.
    struct Zone: Hashable, Sendable {
        let name: String
        let sendAt: Date
        /// The `errorCode` of messages that are not sent; `nil` if they are.
        let skipCode: SkipCode?
        let contacts: Int
        /// The last instant at which a daemon may find that its time has come; `nil` for any.
        var sendBy: Date?
        /// A zone whose clock shows the same, and which stands for it where quiet hours follow the clocks of contacts; `nil`
        /// where they do not.
        var quietZone: String?
    }

    /// The reasons why contacts of a zone get nothing.
    enum SkipCode: String, CaseIterable {
        /// Its time had passed for longer than the schedule makes up for.
        case passed = "local_time_passed"
        /// Its clocks left the time out.
        case missing = "local_time_missing"

        /// The `errorMessage` of the messages.
        var message: String {
            switch self {
            case .passed: "the time of the schedule had passed on the contact's clock when a daemon could have sent it"
            case .missing: "the contact's clock left the time out when it was put forward"
            }
        }
    }

    /// The time that the clocks show; `nil` for a run that sends at once.
    public let time: LocalDateTime?
    let fallback: IANAZone
    /// The zones of contacts, and always the fallback.
    private(set) var zones: [Zone]

    /// Finds the instants.
    ///
    /// - Parameters:
    ///   - schedule: The schedule.
    ///   - start: Its start, on the clock of its own zone.
    ///   - audience: The zones of the audience.
    ///   - now: The begin of the run. Contacts whose time has passed get the message late, if the schedule would make up
    ///     for it.
    init(_ schedule: ScheduleSpec, at start: Date, in audience: AudienceZones, now: Date) {
        let time = schedule.localTime(at: start)
        let window = schedule.misfire == .skip ? 0 : Double(schedule.misfireWindow.seconds)
        let patience = max(DueRule.tolerance, window)
        let earliest = now.addingTimeInterval(-patience)
        (self.time, fallback) = (time, audience.fallback)
        let contacts = audience.contacts.merging([audience.fallback: 0]) { known, _ in known }
        zones = contacts.map { zone, contacts in
            let sendAt = schedule.instant(of: time, in: zone)
            let isLate = sendAt.map { $0 < earliest } ?? false
            return Zone(
                name: zone.identifier,
                sendAt: sendAt ?? time.instant(in: zone),
                skipCode: sendAt == nil ? .missing : isLate ? .passed : nil,
                contacts: contacts,
                sendBy: sendAt?.addingTimeInterval(patience)
            )
        }
        .sorted { ($0.sendAt, $0.name) < ($1.sendAt, $1.name) }
    }

    /// Makes the zones of a run that sends at once.
    init(atOnce now: Date, in audience: AudienceZones) {
        (time, fallback) = (nil, audience.fallback)
        let contacts = audience.contacts.merging([audience.fallback: 0]) { known, _ in known }
        zones = contacts.map { Zone(name: $0.identifier, sendAt: now, skipCode: nil, contacts: $1) }
            .sorted { $0.name < $1.name }
    }

    /// The days for which zones with the same clock are found: longer than runs take.
    private static let sameClockDays = 30

    /// Returns the same zones for a tenant whose quiet hours follow the clocks of contacts: zones with the same clock get one
    /// zone that stands for them, so that a run has chunks for a few dozen clocks instead of hundreds of zones.
    func withQuietZones(from now: Date) -> LocalTimes {
        var result = self
        var known: [[IANAZone.Segment]: String] = [:]
        for index in zones.indices {
            guard let zone = IANAZone(zones[index].name) else { continue }
            let clock = zone.clock(from: Int64(now.timeIntervalSince1970), days: Self.sameClockDays)
            result.zones[index].quietZone = known[clock] ?? zone.identifier
            known[clock] = result.zones[index].quietZone
        }
        return result
    }

    /// Returns the earliest instant at which any clock on earth can show a time: none is further ahead than 14 hours.
    static func earliest(of time: LocalDateTime) -> Date {
        Date(timeIntervalSince1970: Double(time.seconds) - 14 * 3_600)
    }

    /// The zones whose contacts decide when the run begins and ends; without contacts, the fallback.
    private var deciding: [Zone] {
        let some = zones.filter { $0.contacts > 0 && $0.skipCode != .missing }
        return some.isEmpty ? zones.filter { $0.name == fallback.identifier } : some
    }

    /// The first instant at which the time comes for anyone.
    var first: Date { deciding.map(\.sendAt).min() ?? .distantPast }

    /// The instant at which it has come for everyone.
    var last: Date { deciding.map(\.sendAt).max() ?? .distantPast }

    /// Contacts who get the message from the same instant on, and by the same clock.
    struct Group: Hashable, Sendable {
        let sendAt: Date
        /// The zone by whose clock it is quiet for them; `nil` if quiet hours do not follow the clocks of contacts.
        let quietZone: IANAZone?
    }

    /// The contacts who get the message, by instant and clock.
    var groups: [Group: Int] {
        zones.reduce(into: [:]) { groups, zone in
            guard zone.contacts > 0, zone.skipCode == nil else { return }
            let quietZone = zone.quietZone.flatMap { IANAZone($0) }
            groups[Group(sendAt: zone.sendAt, quietZone: quietZone), default: 0] += zone.contacts
        }
    }

    /// The contacts who get nothing because the time had passed on their clocks, in words; `nil` if there are none.
    var missed: String? {
        let missed = zones.filter { $0.skipCode == .passed && $0.contacts > 0 }
        return Self.missed(missed.map { ($0.name, $0.contacts) })
    }

    static func missed(_ zones: [(name: String, contacts: Int)]) -> String? {
        guard !zones.isEmpty else { return nil }
        let contacts = zones.compactMap { zone in IANAZone(zone.name).map { ($0, zone.contacts) } }
        let audience = AudienceZones(contacts: Dictionary(contacts) { $0 + $1 }, fallback: .utc)
        return "not sent where the time had passed: \(audience.words)"
    }

    /// Writes the zones of a run, in the transaction that opens it.
    func write(
        of run: UUID,
        tenant: String,
        now: Date,
        on connection: PostgresConnection
    ) async throws(PostgresError) {
        try await connection.execute(
            """
            INSERT INTO run_zones (
                "runId", zone, "tenantId", "sendAt", "skipCode", contacts, "quietZone", "sendBy", "settledAt"
            )
            SELECT \(run), z.zone, \(tenant), z.at, z.code, z.contacts, z.clock, z.by,
                CASE WHEN z.code IS NOT NULL OR z.at <= \(now)::timestamptz THEN \(now)::timestamptz END
            FROM unnest(
                \(zones.map(\.name))::text[], \(zones.map(\.sendAt))::timestamptz[],
                \(zones.map { $0.skipCode?.rawValue })::text[], \(zones.map(\.contacts))::int[],
                \(zones.map(\.quietZone))::text[], \(zones.map(\.sendBy))::timestamptz[]
            ) AS z(zone, at, code, contacts, clock, by)
            """
        )
    }
}
