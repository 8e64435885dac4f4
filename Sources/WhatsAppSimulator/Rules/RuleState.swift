import Foundation

/// The facts that rules need: which windows are open, who stopped marketing, and which messages are held.
struct RuleState: Sendable {
    private struct Pair: Hashable {
        let phoneNumberID: String
        let recipient: UInt64
    }

    private static let day: Int64 = 86_400_000_000_000
    /// Maximum number of messages held back for each template.
    private static let mostHeld = 10_000

    private(set) var rules: SimulatorRules
    private var windows: [Pair: Int64] = [:]
    private var stopped: Set<UInt64> = []
    private var marketing: [UInt64: [Int64]] = [:]
    private var held: [String: [PendingMessage.Subject]] = [:]
    /// The month in which free messages are counted, and their number for each phone number.
    private var freeMonth = ""
    /// The day since 1970 on which the month was looked at.
    private var freeDay = 0
    private var free: [String: Int] = [:]

    /// 2026-10-01T00:00:00Z.
    private static let serviceIsPaid = Date(timeIntervalSince1970: 1_790_812_800)
    private static let freeMessages = 1_000

    init(_ rules: SimulatorRules) { self.rules = rules }

    /// Opens the window of a contact at a number.
    mutating func open(_ recipient: Recipient, phoneNumberID: String, now: Int64) {
        windows[Pair(phoneNumberID: phoneNumberID, recipient: recipient.windowKey)] = now
    }

    /// Records whether a contact wants marketing.
    mutating func prefer(_ isWanted: Bool, _ recipient: Recipient) {
        if isWanted { stopped.remove(recipient.windowKey) } else { stopped.insert(recipient.windowKey) }
    }

    /// Returns the code with which a message fails after it was accepted; `nil` if no rule is against it.
    mutating func failure(of message: AdmittedMessage, phoneNumberID: String, now: Int64) -> Int? {
        guard rules.closesWindows || rules.marketingPerDay != nil || !stopped.isEmpty else { return nil }
        let key = message.recipient.windowKey
        if rules.closesWindows, !message.isTemplate {
            let last = windows[Pair(phoneNumberID: phoneNumberID, recipient: key)]
            if last.map({ now - $0 > Self.day }) ?? true { return 131_047 }
        }
        guard message.isMarketing else { return nil }
        if stopped.contains(key) { return 131_050 }
        guard let most = rules.marketingPerDay else { return nil }
        let recent = (marketing[key] ?? []).filter { now - $0 < Self.day }
        guard recent.count < most else { return 131_049 }
        marketing[key] = recent + [now]
        return nil
    }

    /// Returns true if a message costs nothing, by the rules of its date, and counts it.
    ///
    /// Until September 2026 messages without a template are free, and utility templates within 24 hours of the contact's last
    /// message. From October on only 1,000 messages without a template are, in each month of each number; the service counts those
    /// that arrive, the simulator those that it accepts.
    mutating func isFree(
        _ message: AdmittedMessage,
        category: String,
        phoneNumberID: String,
        now: Int64,
        date: Date
    ) -> Bool {
        guard date >= Self.serviceIsPaid else {
            guard message.isTemplate else { return true }
            let pair = Pair(phoneNumberID: phoneNumberID, recipient: message.recipient.windowKey)
            return category == "utility" && windows[pair].map { now - $0 <= Self.day } ?? false
        }
        guard !message.isTemplate else { return false }
        let day = Int(date.timeIntervalSince1970) / 86_400
        if day != freeDay {
            let month = String(date.formatted(.iso8601).prefix(7))
            if month != freeMonth { (freeMonth, free) = (month, [:]) }
            freeDay = day
        }
        guard free[phoneNumberID, default: 0] < Self.freeMessages else { return false }
        free[phoneNumberID, default: 0] += 1
        return true
    }

    /// Holds a message back until the status of its template changes.
    mutating func hold(_ subject: PendingMessage.Subject) {
        guard let template = subject.message.template, held[template, default: []].count < Self.mostHeld else { return }
        held[template, default: []].append(subject)
    }

    /// Replaces the rules.
    ///
    /// - Returns: The templates with another status than before, and the messages that were held for them, with the code of
    ///   their failure.
    mutating func replace(
        _ rules: SimulatorRules
    ) -> (changed: [SimulatorRules.Template], released: [(subject: PendingMessage.Subject, failure: Int?)]) {
        let former = self.rules.templates
        self.rules = rules
        var released: [(subject: PendingMessage.Subject, failure: Int?)] = []
        let changed = rules.templates.filter { template in
            former.first { $0.key == template.key }.map { $0.status != template.status } ?? false
        }
        for template in changed where template.status != "HELD" {
            let failure = template.status == "APPROVED" ? nil : 132_015
            released += (held.removeValue(forKey: template.key) ?? []).map { ($0, failure) }
        }
        return (changed, released)
    }
}

extension SimulatorRules.Template {
    /// Its name and language.
    var key: String { "\(name) \(language)" }
}

extension Recipient {
    /// The key of the person, whatever form of the number was used.
    var windowKey: UInt64 {
        guard kind == .phone else { return key }
        return UInt64(ContactNames.waID(of: id)) ?? key
    }
}

/// The names that WhatsApp has for a person: the number that it uses, and the id that belongs to this business.
enum ContactNames {
    /// Returns the number as WhatsApp has it: without the ninth digit of most of Brazil, and with the mobile digit of Mexico
    /// and Argentina.
    static func waID(of digits: String) -> String {
        if digits.hasPrefix("55"), digits.utf8.count == 13 {
            let (area, rest) = (digits.dropFirst(2).prefix(2), digits.dropFirst(4))
            // Areas from 31 on got the ninth digit after WhatsApp had their numbers.
            if rest.first == "9", let area = Int(area), area >= 31 { return "55\(area)\(rest.dropFirst())" }
        }
        if digits.hasPrefix("52"), digits.utf8.count == 12 { return "521\(digits.dropFirst(2))" }
        if digits.hasPrefix("54"), digits.utf8.count == 12 { return "549\(digits.dropFirst(2))" }
        return digits
    }

    /// Returns the business-scoped user id of a number: the same for each message to it.
    static func userID(of digits: String) -> String {
        let country = countries.first { digits.hasPrefix($0.code) }?.country ?? "ZZ"
        return "\(country).\(Recipient.hash(digits) % 1_000_000_000_000_000 + 1_000_000_000_000_000)"
    }

    private static let countries: [(code: String, country: String)] = [
        ("254", "KE"), ("255", "TZ"), ("256", "UG"), ("234", "NG"), ("27", "ZA"), ("20", "EG"), ("55", "BR"),
        ("52", "MX"), ("54", "AR"), ("57", "CO"), ("51", "PE"), ("56", "CL"), ("91", "IN"), ("62", "ID"), ("44", "GB"),
        ("49", "DE"), ("33", "FR"), ("34", "ES"), ("39", "IT"), ("351", "PT"), ("31", "NL"), ("972", "IL"),
        ("971", "AE"), ("1", "US"),
    ]
}
