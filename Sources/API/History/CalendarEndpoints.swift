import Calendar
import Foundation
import HTTPTypes
import JSON
import Spec
import Store

/// The times of schedules that are to come, with what they will send, and those that have passed.
struct CalendarEndpoints: Sendable {
    /// The maximum number of times of one schedule in an answer.
    private static let timeLimit = 200

    let schedules: ScheduleRepository
    let counts: ExpectedRecipients
    let now: @Sendable () -> Date

    var all: [Endpoint] { [calendar, occurrences] }

    private var calendar: Endpoint {
        Endpoint(
            method: .get,
            path: "/schedules",
            name: "listSchedules",
            tag: "runs",
            summary: "List schedules with their next times",
            details:
                "Also campaigns with a single time of their own. At most 200 times of each schedule. `expectedRecipients` is what "
                + "the audience was when it was counted, at `countedAt`: counts are kept for ten minutes, and a request spends two "
                + "seconds on them at most, so that some may be missing at first. Times overlap if a campaign of the same sender "
                + "starts before the one before it is expected to be sent.",
            query: [QueryParameter("days", .integer(1...90), "Days from now on.", fallback: 30, example: 30)],
            responses: [
                .json(.ok, "The schedules.", .object(CalendarShapes.list), example: CalendarShapes.listExample)
            ],
            handle: .checked { call in
                let now = now()
                let end = now.addingTimeInterval(Double(call.query["days"]?.integerValue ?? 30) * 86_400)
                let found = try await schedules.overview(
                    tenant: call.tenant,
                    count: Self.timeLimit,
                    last: 0,
                    countsZones: false
                )
                let campaigns = Array(Set(found.map(\.campaignID)))
                let senders = try await schedules.senders(of: campaigns)
                let clocks = found.filter(\.localTime).compactMap { schedule in
                    IANAZone(schedule.timeZone).map { (schedule.campaignID, $0) }
                }
                let expected = try await counts.counts(
                    of: campaigns,
                    clocks: Dictionary(clocks) { first, _ in first },
                    tenant: call.tenant
                )
                let starts = found.flatMap { schedule in
                    schedule.next.filter { $0 <= end }.map { date in
                        CalendarStart(
                            at: date,
                            campaign: schedule.campaignName,
                            sender: senders[schedule.campaignID],
                            recipients: expected[schedule.campaignID]?.recipients ?? 0
                        )
                    }
                }
                let overlaps = CalendarStart.overlaps(starts)
                var position = 0
                let items = found.map { schedule -> JSONValue in
                    let next = schedule.next.filter { $0 <= end }.map { date -> JSONValue in
                        defer { position += 1 }
                        return schedule.time(date, overlaps: overlaps[position])
                    }
                    return schedule.calendarItem(
                        sender: senders[schedule.campaignID]?.name,
                        expected: expected[schedule.campaignID],
                        next: next
                    )
                }
                return .json(["items": .array(items)])
            }
        )
    }

    private var occurrences: Endpoint {
        Endpoint(
            method: .get,
            path: "/schedules/occurrences",
            name: "listOccurrences",
            tag: "runs",
            summary: "List the past times of schedules with their outcome",
            details: "Latest first. Outcomes are kept for 90 days, and the last 10,000 can be listed.",
            query: [
                QueryParameter("days", .integer(1...90), "Days before now.", fallback: 90, example: 90),
                .page, .limit,
            ],
            responses: [
                .json(
                    .ok,
                    "A page of past times.",
                    .object(CalendarShapes.occurrences),
                    example: CalendarShapes.occurrencesExample
                )
            ],
            handle: .checked { call in
                let (items, total) = try await schedules.occurrences(
                    tenant: call.tenant,
                    days: call.query["days"]?.integerValue ?? 90,
                    page: call.page,
                    limit: call.limit
                )
                return call.page(items.map(\.json), total: total)
            }
        )
    }
}

/// One start that a schedule will make, as far as other starts of its sender are concerned.
struct CalendarStart: Sendable {
    /// The maximum number of campaigns that are named beside a time.
    private static let nameLimit = 10
    /// The shortest time that a run is expected to take, in seconds.
    private static let shortestRun: TimeInterval = 60

    let at: Date
    let campaign: String
    let sender: CampaignSender?
    let recipients: Int

    /// The expected end, if nothing else is sent.
    var end: Date {
        let rate = Double(max(1, sender?.ratePerSecond ?? 1))
        return at.addingTimeInterval(max(Self.shortestRun, Double(recipients) / rate))
    }

    /// Returns, for each start, the names of the campaigns of the same sender that are expected to be sent at the same time.
    static func overlaps(_ starts: [CalendarStart]) -> [[String]] {
        var names = Array(repeating: Set<String>(), count: starts.count)
        let bySender = Dictionary(grouping: starts.indices.filter { starts[$0].sender != nil }) {
            starts[$0].sender?.id
        }
        for indices in bySender.values {
            var open: [Int] = []
            for index in indices.sorted(by: { starts[$0].at < starts[$1].at }) {
                open.removeAll { starts[$0].end <= starts[index].at }
                for other in open where starts[other].campaign != starts[index].campaign {
                    names[index].insert(starts[other].campaign)
                    names[other].insert(starts[index].campaign)
                }
                open.append(index)
            }
        }
        return names.map { Array($0.sorted().prefix(nameLimit)) }
    }
}

/// The sizes of audiences for the calendar, each with the time at which it was counted.
///
/// Counting an audience may take long, so a count is kept for ten minutes, one request of a tenant counts at a time, and a
/// request spends two seconds on it at most. An audience that takes longer is tried again after ten minutes.
actor ExpectedRecipients {
    struct Count: Hashable, Sendable {
        /// `nil` if it could not be counted in time, or the campaign lacks something that a launch needs.
        let recipients: Int?
        /// The time zones of the recipients, if a schedule of the campaign is by the clock of each contact.
        let zones: AudienceZones?
        let at: Date
    }

    /// The time for which a count is kept, in seconds.
    private static let lifetime: TimeInterval = 600
    /// The time that a request spends on counts.
    private static let budget = Duration.seconds(2)
    /// The maximum number of counts that are kept.
    private static let capacity = 10_000

    private let schedules: ScheduleRepository
    private let now: @Sendable () -> Date
    private var counts: [UUID: Count] = [:]
    private var busy: Set<String> = []

    init(schedules: ScheduleRepository, now: @escaping @Sendable () -> Date) {
        (self.schedules, self.now) = (schedules, now)
    }

    /// Returns the counts of campaigns, and first counts those that are missing or old, as far as the time reaches.
    ///
    /// - Parameters:
    ///   - campaigns: The campaigns.
    ///   - clocks: The zones of the schedules that are by the clock of each contact, by campaign.
    ///   - tenant: The owner of the campaigns.
    /// - Returns: The counts that are known, by campaign.
    /// - Throws: `PostgresError`.
    func counts(of campaigns: [UUID], clocks: [UUID: IANAZone], tenant: String) async throws -> [UUID: Count] {
        try await refresh(campaigns, clocks, tenant: tenant)
        var found: [UUID: Count] = [:]
        for campaign in campaigns {
            if let count = counts[campaign], count.recipients != nil { found[campaign] = count }
        }
        return found
    }

    private func refresh(_ campaigns: [UUID], _ clocks: [UUID: IANAZone], tenant: String) async throws {
        guard busy.insert(tenant).inserted else { return }
        defer { busy.remove(tenant) }
        let oldest = now().addingTimeInterval(-Self.lifetime)
        let due = campaigns.filter { (counts[$0]?.at ?? .distantPast) < oldest }
            .sorted { (counts[$0]?.at ?? .distantPast) < (counts[$1]?.at ?? .distantPast) }
        let start = ContinuousClock.now
        for campaign in due {
            let rest = Self.budget - (ContinuousClock.now - start)
            guard rest > .zero else { return }
            let found = try await schedules.expectedRecipients(
                of: campaign,
                tenant: tenant,
                zone: clocks[campaign],
                within: rest
            )
            if counts.count >= Self.capacity { counts.removeAll() }
            counts[campaign] = Count(recipients: found?.recipients, zones: found?.zones, at: now())
        }
    }
}

extension ScheduleOverview {
    fileprivate func calendarItem(
        sender: String?,
        expected: ExpectedRecipients.Count?,
        next: [JSONValue]
    ) -> JSONValue {
        .fields([
            "id": .string((id ?? campaignID).apiText), "name": name.map(JSONValue.string),
            "campaignId": .string(campaignID.apiText), "campaign": .string(campaignName),
            "sender": sender.map(JSONValue.string), "timeZone": .string(timeZone),
            "cronExpression": cronExpression.map(JSONValue.string), "isActive": .bool(isActive),
            "localTime": .bool(localTime), "zones": localTime ? expected?.zones.map(\.json) : nil,
            "problem": problem.map(JSONValue.string),
            "expectedRecipients": expected?.recipients.map(JSONValue.integer),
            "countedAt": expected.map { .string($0.at.apiText) }, "next": .array(next),
        ])
    }

    fileprivate func time(_ date: Date, overlaps: [String]) -> JSONValue {
        let zone = IANAZone(timeZone)
        return .fields([
            "at": .string(date.apiText), "local": .string(date.local(in: zone)),
            "daylightSaving": zone?.remark(at: date).map(JSONValue.string),
            "overlaps": overlaps.isEmpty ? nil : .array(overlaps.map(JSONValue.string)),
        ])
    }
}

extension PastOccurrence {
    fileprivate var json: JSONValue {
        .fields([
            "scheduledFor": .string(scheduledFor.apiText), "local": .string(scheduledFor.local(in: IANAZone(timeZone))),
            "timeZone": .string(timeZone), "campaign": .string(campaignName),
            "campaignId": .string(campaignID.apiText), "outcome": .string(outcome),
            "reason": reason.map(JSONValue.string), "runId": runID.map { .string($0.apiText) },
        ])
    }
}

extension Date {
    /// Returns the local time, such as `2026-11-29T09:00`; in UTC if the zone is unknown here.
    fileprivate func local(in zone: IANAZone?) -> String { LocalDateTime(self, in: zone ?? .utc).description }
}

/// The shapes of the calendar.
private enum CalendarShapes {
    private static let local = ShapeField(
        "local",
        .text(upTo: 30),
        isRequired: true,
        "The same time on the clock of `timeZone`.",
        example: "2026-12-01T09:00"
    )

    private static let time = ObjectShape(
        "ScheduleTime",
        "A time at which a schedule will fire.",
        [
            ShapeField("at", .dateTime, isRequired: true, "The time."),
            local,
            ShapeField("daylightSaving", .text(0...500), "What the clocks do on that day, if they change."),
            ShapeField(
                "overlaps",
                .list(.text(upTo: 255), count: 1...10),
                "Other campaigns of the same sender that are expected to be sent at the same time."
            ),
        ]
    )

    private static let zone = ObjectShape(
        "AudienceZone",
        "The recipients in one time zone.",
        [
            ShapeField("timeZone", .text(upTo: 64), isRequired: true, "The zone.", example: "America/Sao_Paulo"),
            ShapeField("contacts", .count, isRequired: true, "Recipients.", example: 120),
        ]
    )

    private static let schedule = ObjectShape(
        "ScheduleOverview",
        "A schedule, or a campaign with a single time of its own, with its next times.",
        [
            ShapeField("id", .uuid, isRequired: true, "The schedule; the campaign for a time of its own."),
            ShapeField("name", .text(upTo: 255), "The name of its spec; absent for one of the API."),
            ShapeField("campaignId", .uuid, isRequired: true, "The campaign."),
            ShapeField("campaign", .text(upTo: 255), isRequired: true, "The name of the campaign.", example: "digest"),
            ShapeField("sender", .text(upTo: 255), "The name of the sender of the campaign."),
            ShapeField(
                "timeZone",
                .text(upTo: 64),
                isRequired: true,
                "The zone of its times.",
                example: "Africa/Nairobi"
            ),
            ShapeField("cronExpression", .text(0...100), "Repeated times; absent for a single time."),
            ShapeField("localTime", .bool, isRequired: true, "True if its times are those of each contact's clock."),
            ShapeField(
                "zones",
                .list(.object(zone), count: 0...10_000),
                "With `localTime`, the recipients by their time zone, the largest first; absent if that is not known."
            ),
            ShapeField("isActive", .bool, isRequired: true, "False while it is switched off."),
            ShapeField("problem", .text(0...10_000), "Why it cannot fire."),
            ShapeField("expectedRecipients", .count, "Recipients if it fired now; absent if that is not known."),
            ShapeField("countedAt", .dateTime, "When the recipients were counted."),
            ShapeField(
                "next",
                .list(.object(time), count: 0...200),
                isRequired: true,
                "Its next times, soonest first."
            ),
        ]
    )

    static let list = ObjectShape(
        "ScheduleOverviews",
        "The schedules of the tenant by campaign and name.",
        [ShapeField("items", .list(.object(schedule), count: 0...20_000), isRequired: true, "The schedules.")]
    )

    static let listExample: JSONValue = [
        "items": [
            [
                "id": "0d0e5a4c-6f0e-4f0a-9c39-6f1f3f0a7d11", "name": "digest-monday",
                "campaignId": "0b0e5a4c-6f0e-4f0a-9c39-6f1f3f0a7d11", "campaign": "digest", "sender": "main",
                "timeZone": "Africa/Nairobi", "cronExpression": "0 9 * * MON", "localTime": false, "isActive": true,
                "expectedRecipients": 12_000, "countedAt": "2026-11-29T06:00:00Z",
                "next": [["at": "2026-11-30T06:00:00Z", "local": "2026-11-30T09:00", "overlaps": ["offer"]]],
            ]
        ]
    ]

    private static let occurrence = ObjectShape(
        "ScheduleOccurrence",
        "A time of a schedule that has passed.",
        [
            ShapeField("scheduledFor", .dateTime, isRequired: true, "The time."),
            local,
            ShapeField("timeZone", .text(upTo: 64), isRequired: true, "The zone of the schedule."),
            ShapeField("campaign", .text(upTo: 255), isRequired: true, "The name of the campaign.", example: "digest"),
            ShapeField("campaignId", .uuid, isRequired: true, "The campaign."),
            ShapeField(
                "outcome",
                .choice(["started", "skipped", "failed", "waiting"]),
                isRequired: true,
                "What came of it; `waiting` for WhatsApp to approve the template."
            ),
            ShapeField("reason", .text(0...10_000), "Why nothing started."),
            ShapeField("runId", .uuid, "The run that it started."),
        ]
    )

    static let occurrences = ObjectShape.page(of: occurrence, "OccurrenceList", "A page of past times, latest first.")

    static let occurrencesExample: JSONValue = [
        "items": [
            [
                "scheduledFor": "2026-11-23T06:00:00Z", "local": "2026-11-23T09:00", "timeZone": "Africa/Nairobi",
                "campaign": "digest", "campaignId": "0b0e5a4c-6f0e-4f0a-9c39-6f1f3f0a7d11", "outcome": "skipped",
                "reason": "the run before is still open",
            ]
        ],
        "page": 1, "limit": 20, "total": 1,
    ]
}
