import API
import ArgumentParser
import CommandKit
import Daemon
import Foundation
import JSON
import Logging
import Runtime
import Spelling
import Store

struct SendersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "senders",
        abstract: "Show the senders: number, rate, quota, lane, and what WhatsApp restricts.",
        discussion: """
            The rate is measured over --for seconds, from the counters of the open runs. The lane is read from Redis (REDIS_URL \
            and REDIS_PREFIX, as the daemons have them); without REDIS_URL it is left out. Number and account are shown as \
            WhatsApp's webhooks reported them.

            Examples:
              campaignd senders --tenant acme
              campaignd senders --for 10 --format json
            """
    )

    @OptionGroup var filter: TenantFilter

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("Time over which the rate is measured, from 1 to 60.", valueName: "seconds")
    )
    var interval = 2

    @OptionGroup var output: FormatOptions

    @Option(help: "URL of Redis. (default: $REDIS_URL)")
    var redisURL: String?

    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        guard (1...60).contains(interval) else { throw ValidationError("--for takes a number from 1 to 60.") }
    }

    func run() async throws {
        let (first, senders) = try await database.withPool(of: [filter.tenant]) { pool in
            try await filter.check(pool)
            let repository = SenderOverviewRepository(pool: pool)
            let first = try await repository.all(tenant: filter.tenant)
            // Without an open run there is nothing to measure.
            guard first.contains(where: { $0.openRuns > 0 }) else { return (first, first) }
            try await Task.sleep(for: .seconds(interval))
            return (first, try await repository.all(tenant: filter.tenant))
        }
        let earlier = Dictionary(first.map { ($0.id, $0) }) { first, _ in first }
        let depths = await depths(of: senders)
        let lines = senders.map { sender in
            SenderLine(
                sender: sender,
                rate: earlier[sender.id].map { sender.rate(since: $0) ?? 0 } ?? 0,
                lane: depths?[sender.id]
            )
        }
        output.write(
            ["items": .array(lines.map(\.json))],
            text: lines.isEmpty ? "no senders" : lines.map(\.text).joined()
        )
    }

    /// Reads the lanes; `nil` with a note if Redis cannot be asked, because the rest is useful without it.
    private func depths(of senders: [SenderOverview]) async -> [UUID: LaneDepth]? {
        guard !senders.isEmpty else { return [:] }
        let groups = Dictionary(senders.map { ($0.id, $0.quotaGroup) }) { first, _ in first }
        do {
            var environment = try database.environment(of: [filter.tenant])
            if let redisURL { environment["REDIS_URL"] = redisURL }
            return try await LaneInspection.depths(of: groups, environment: environment, logger: .command())
        } catch {
            Terminal.complain("note: lanes are not shown: \(error)\n")
            return nil
        }
    }
}

/// A sender of the list.
private struct SenderLine {
    let sender: SenderOverview
    /// Messages per second.
    let rate: Double
    let lane: LaneDepth?

    var json: JSONValue {
        var fields: [String: JSONValue?] = [
            "senderId": .string(sender.id.apiText), "sender": .string(sender.name),
            "tenantId": .string(sender.tenantID), "phoneNumberId": .string(sender.phoneNumberID),
            "displayPhoneNumber": sender.displayPhoneNumber.map(JSONValue.string),
        ]
        fields["ratePerSecond"] = .integer(sender.ratePerSecond)
        fields["currentRate"] = .number((rate * 10).rounded() / 10)
        fields["quotaGroup"] = .string(sender.quotaName)
        fields["businessSent24h"] = .integer(sender.quota.businessSent24h)
        fields["tierLimit"] = sender.quota.tierLimit.map(JSONValue.integer) ?? .null
        fields["remaining"] = sender.quota.remaining.map(JSONValue.integer) ?? .null
        fields["tier"] = sender.quota.tier.map(JSONValue.integer) ?? .null
        fields["waiting"] = sender.waiting.json
        fields["silencedUntil"] = sender.silencedUntil.map { .string($0.apiText) }
        fields["openRuns"] = .integer(sender.openRuns)
        let counts = MessageStatus.allCases.map { ($0.rawValue, JSONValue.integer(sender.counters[$0])) }
        fields["messages"] = .object(Dictionary(uniqueKeysWithValues: counts))
        fields["held"] = .integer(sender.held)
        fields["capped"] = .integer(sender.counters.capped)
        if let lane {
            fields["lane"] = [
                "waiting": .integer(lane.ready), "delayed": .integer(lane.delayed), "held": .integer(lane.held),
            ]
        }
        fields["qualityEvent"] = sender.qualityEvent.map(JSONValue.string)
        fields["numberQuality"] = sender.numberQuality.map(JSONValue.string)
        fields["numberStatus"] = sender.numberStatus.map(JSONValue.string)
        fields["messagingTier"] = sender.messagingTier.map(JSONValue.string)
        fields["restriction"] = sender.restriction.map(JSONValue.string)
        fields["restrictedUntil"] = sender.restrictedUntil.map { .string($0.apiText) }
        fields["stoppedTemplates"] = .array(sender.stoppedTemplates.map(Self.json(of:)))
        return .fields(fields)
    }

    private static func json(of template: TemplateState) -> JSONValue {
        .fields([
            "name": .string(template.name), "language": .string(template.language),
            "status": template.status.map(JSONValue.string), "reason": template.reason.map(JSONValue.string),
        ])
    }

    var text: String {
        let display = sender.displayPhoneNumber.map { "\($0), id " } ?? "id "
        var lines = [
            "\(sender.tenantID)/\(sender.name)  number \(display)\(sender.phoneNumberID)",
            row("rate", "\(Int(rate.rounded()).grouped)/s of \(sender.ratePerSecond.grouped)/s"),
            row("quota", quota),
        ]
        let waiting = sender.waiting
        lines.append(
            row("state", waiting.isMoving ? (sender.openRuns == 0 ? "nothing to send" : "sends") : waiting.words)
        )
        if let lane {
            let parts = [
                "waiting \(lane.ready.grouped)", "delayed \(lane.delayed.grouped)", "held \(lane.held.grouped)",
            ]
            lines.append(row("lane", parts.joined(separator: ", ")))
        }
        if sender.openRuns > 0 {
            let counters = sender.counters
            var parts = ["pending \(counters[.pending].grouped)", "queued \(counters[.queued].grouped)"]
            parts.append("sending \(counters[.sending].grouped)")
            if counters.capped > 0 { parts.append("capped \(counters.capped.grouped)") }
            if sender.held > 0 { parts.append("held by WhatsApp \(sender.held.grouped)") }
            lines.append(
                row("messages", parts.joined(separator: ", ") + " of \(NumberText.count(sender.openRuns, "run"))")
            )
        }
        if let end = sender.silencedUntil { lines.append(row("silenced", "until \(end.formatted(.iso8601))")) }
        if let event = sender.qualityEvent { lines.append(row("quality", "\(event), as WhatsApp reported last")) }
        let read = [
            sender.numberStatus, sender.numberQuality.map { "quality \($0)" },
            sender.messagingTier.map { "limit \($0)" },
        ]
        .compactMap(\.self)
        if !read.isEmpty { lines.append(row("WhatsApp", read.joined(separator: ", "))) }
        if let restriction = sender.restriction {
            let end = sender.restrictedUntil.map { " until \($0.formatted(.iso8601))" } ?? ""
            lines.append(row("restricted", "\(restriction)\(end)"))
        }
        for template in sender.stoppedTemplates {
            let reason = template.reason.map { ": \($0)" } ?? ""
            lines.append(row("template", "\(template.name) (\(template.language)) \(template.status ?? "")\(reason)"))
        }
        return lines.map { Terminal.harmless($0) + "\n" }.joined()
    }

    private var quota: String {
        let used = "\(sender.quota.businessSent24h.grouped) used"
        let group = sender.quotaName == sender.phoneNumberID ? "" : ", group \(sender.quotaName)"
        guard let limit = sender.quota.tierLimit, let left = sender.quota.remaining else {
            return "\(used) in 24 h, unlimited\(group)"
        }
        return "\(used) of \(limit.grouped) in 24 h, \(left.grouped) left\(group)"
    }

    private func row(_ name: String, _ value: String) -> String {
        "  " + name.padding(toLength: 11, withPad: " ", startingAt: 0) + value
    }
}
