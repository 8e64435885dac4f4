import Foundation
import Postgres
import TestBed
import WhatsAppSimulator

/// Checks the evidence of a cell against the rules that always hold.
struct Judge: Sendable {
    private static let second: Int64 = 1_000_000_000
    /// CPU pressure above which an excess of a tenth over the rate may be caused by the machine.
    private static let busy = 0.4

    let evidence: Evidence
    let setup: StageSetup
    /// Times at which the machine stalled.
    let stalls: [Metronome.Stall]
    /// The share of the time in which a process waited for a processor.
    let pressure: Double

    /// Adds the findings to a result.
    func judge(_ result: inout CellResult) {
        let accepted = Dictionary(grouping: evidence.ledger.filter { $0.answer != .rejected }) { entry in
            entry.callbackData?.lowercased() ?? ""
        }
        result.messages = evidence.messages.count
        checkLoss(accepted, &result)
        checkDuplicates(accepted, &result)
        checkPace(&result)
        checkQuota(accepted, &result)
        checkSilence(&result)
        checkAttempts(&result)
        if !evidence.wrongCounters.isEmpty {
            result.violations.append("6 counters: \(evidence.wrongCounters.count) runs do not equal their rows")
        }
        result.violations += evidence.wrongWallets.map { "6 wallet: \($0)" }
        let residue = evidence.keys.filter { key in
            ["ready", "delayed", "leases", "held", "passes"].contains { key.hasSuffix(":\($0)") }
        }
        if !residue.isEmpty { result.violations.append("8 residue: \(residue.joined(separator: ", "))") }
    }

    private func checkLoss(_ accepted: [String: [LedgerEntry]], _ result: inout CellResult) {
        let expected = setup.recipients.first + setup.recipients.second
        if evidence.messages.count != expected {
            result.violations.append("1 loss: \(evidence.messages.count) messages for \(expected) recipients")
        }
        var (open, unsent, foreign, failed, unsettled) = (0, 0, 0, 0, 0)
        for message in evidence.messages {
            let entries = accepted[message.id] ?? []
            switch message.status {
            case "pending", "queued", "sending": open += 1
            case "sent", "delivered", "read":
                if entries.isEmpty { unsent += 1 }
                if let id = message.waMessageID, !entries.contains(where: { $0.wamid == id }) { foreign += 1 }
            case "failed": failed += 1
            case "unconfirmed":
                result.unconfirmed += 1
                if !entries.isEmpty { unsettled += 1 }
            case "cancelled":
                if !entries.isEmpty { result.violations.append("3 unexpected: \(message.id) was cancelled and sent") }
            default: result.violations.append("1 loss: \(message.id) is `\(message.status)`")
            }
        }
        result.lost = open + unsent
        if open > 0 { result.violations.append("1 loss: \(open) messages have no end") }
        if unsent > 0 { result.violations.append("1 loss: \(unsent) messages count as sent and never arrived") }
        if foreign > 0 { result.violations.append("1 loss: \(foreign) messages have an id that was given to others") }
        if let allowed = setup.failures, failed != allowed {
            let codes = Set(evidence.messages.filter { $0.status == "failed" }.compactMap(\.errorCode)).sorted()
            result.violations.append("1 loss: \(failed) failed, \(allowed) expected (\(codes.joined(separator: ", ")))")
        }
        if unsettled > 0, !setup.losesReports {
            result.violations.append("1 doubt: \(unsettled) messages arrived, were reported, and are still unconfirmed")
        }
    }

    private func checkDuplicates(_ accepted: [String: [LedgerEntry]], _ result: inout CellResult) {
        let repeated = accepted.filter { $0.value.count > 1 }
        result.duplicated = repeated.count
        if !repeated.isEmpty {
            let sample = repeated.keys.sorted().prefix(3).joined(separator: ", ")
            result.violations.append("2 duplicates: \(repeated.count) messages accepted twice, such as \(sample)")
        }
        let recipients = Dictionary(grouping: accepted.values.joined(), by: \.recipient).filter { $0.value.count > 1 }
        if recipients.count > repeated.count {
            result.violations.append("2 duplicates: \(recipients.count) recipients got more than one message")
        }
    }

    private func checkPace(_ result: inout CellResult) {
        let check = PaceCheck(ratePerSecond: setup.ratePerSecond, jitter: setup.jitter, stalls: stalls)
        for (phone, requests) in Dictionary(grouping: evidence.ledger, by: \.phoneNumberId) {
            let finding = check.check(requests)
            result.peak = max(result.peak, finding.most)
            guard let most = finding.excess.max() else { continue }
            let text = "4 pace: up to \(most) requests of \(phone) in one second, \(finding.excess.count) such seconds"
            if pressure > Self.busy, most <= setup.ratePerSecond * 11 / 10 {
                result.notes.append("\(text); the machine was busy (CPU pressure \(Int(pressure * 100)) %)")
            } else {
                result.violations.append(text)
            }
        }
    }

    /// Checks that the 24 h count stays within the limit and uses most of it.
    private func checkQuota(_ accepted: [String: [LedgerEntry]], _ result: inout CellResult) {
        if let allowed = setup.doubts, result.unconfirmed > allowed {
            result.violations.append("1 doubt: \(result.unconfirmed) messages are unconfirmed, \(allowed) allowed")
        }
        guard let quota = setup.quota else { return }
        for (phone, entries) in Dictionary(grouping: accepted.values.joined(), by: \.phoneNumberId) {
            if entries.count > quota {
                result.violations.append(
                    "5 quota: \(entries.count) messages of \(phone) within 24 hours, \(quota) allowed"
                )
            }
            if entries.count + result.unconfirmed < quota * 9 / 10 {
                result.violations.append("5 quota: only \(entries.count) of \(phone)'s \(quota) were used")
            }
        }
    }

    /// Checks that a rate-limited sender pauses for a minute, except for requests in flight.
    private func checkSilence(_ result: inout CellResult) {
        for (phone, requests) in Dictionary(grouping: evidence.ledger, by: \.phoneNumberId) {
            var limitedAt: Int64?
            var loud = 0
            for request in requests {
                if let since = limitedAt.map({ request.monotonic - $0 }), since < 59 * Self.second {
                    if since > Self.second { loud += 1 }
                } else if request.answer == .rejected, [80007, 130429, 131048].contains(request.code) {
                    limitedAt = request.monotonic
                }
            }
            if loud > 0 {
                result.violations.append("4 silence: \(loud) requests of \(phone) in the minute after a rate limit")
            }
        }
    }

    /// Checks that a message has at most three counted attempts, and enough time between two of them.
    private func checkAttempts(_ result: inout CellResult) {
        let many = evidence.messages.filter { $0.attempts > 3 }
        if !many.isEmpty { result.violations.append("7 attempts: \(many.count) messages with more than 3") }
        let byMessage = Dictionary(grouping: evidence.ledger) { $0.callbackData ?? "" }
        var hurried = 0
        for entries in byMessage.values {
            for (earlier, later) in zip(entries, entries.dropFirst()) {
                let isServerError = earlier.answer == .rejected && [500, 503].contains(earlier.status)
                // 30 seconds with a tenth of jitter.
                if isServerError, later.monotonic - earlier.monotonic < 26_900_000_000 { hurried += 1 }
            }
        }
        if hurried > 0 { result.violations.append("7 attempts: \(hurried) repeated within less than 27 seconds") }
    }
}

/// State after a cell, gathered from the receiver, Postgres and Redis.
struct Evidence: Sendable {
    /// A message as Postgres holds it.
    struct Message: Sendable {
        let id: String
        let recipient: String
        let status: String
        let attempts: Int
        let waMessageID: String?
        let errorCode: String?
    }

    let messages: [Message]
    /// Runs with counters that do not equal their rows.
    let wrongCounters: [String]
    /// Wallets whose ledger, holds and messages differ, each with an explanation.
    var wrongWallets: [String] = []
    /// All keys of Redis.
    let keys: [String]
    /// Every request that the receiver recorded.
    let ledger: [LedgerEntry]

    static func gather(from stage: Stage) async throws -> Evidence {
        var messages: [Message] = []
        for row in try await stage.pool.query(PostgresQuery(sql: Statement.messages)) {
            messages.append(
                Message(
                    id: try row.decode(0),
                    recipient: try row.decode(2),
                    status: try row.decode(3),
                    attempts: try row.decode(4),
                    waMessageID: try row.decode(5),
                    errorCode: try row.decode(6)
                )
            )
        }
        let counters = try await stage.pool.query(PostgresQuery(sql: Statement.counters))
        let wallets = try await stage.pool.query(PostgresQuery(sql: Statement.wallet))
        return Evidence(
            messages: messages,
            wrongCounters: try counters.map { try $0.decode(0, as: String.self) },
            wrongWallets: try wallets.map { try $0.decode(0, as: String.self) },
            keys: try await stage.redis.keys(),
            ledger: try LedgerReader(path: stage.ledger.path).entries()
        )
    }
}
