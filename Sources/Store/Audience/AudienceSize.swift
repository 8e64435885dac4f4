import Foundation
public import JSON
import Postgres
public import Spec
import Spelling

/// The number of contacts in an audience.
public struct AudienceSize: Hashable, Sendable {
    /// Contacts that get the message.
    public private(set) var total: Int
    /// Contacts in their 24 h window: free, and not counted against the quota.
    public private(set) var inWindow: Int
    /// Contacts within the filter that do not get the message.
    public private(set) var leftOut: LeftOut
    /// The contacts that get the message by the beginnings of their numbers, sorted; `nil` if they were not counted, because there
    /// are no prices.
    public private(set) var beginnings: [NumberBeginning]?

    public init(total: Int, inWindow: Int, leftOut: LeftOut = LeftOut(), beginnings: [NumberBeginning]? = nil) {
        (self.total, self.inWindow, self.leftOut) = (total, inWindow, leftOut)
        self.beginnings = beginnings
    }

    /// Adds the contacts whose numbers begin alike.
    mutating func add(_ group: AudienceSize, beginning: String?) {
        total += group.total
        inWindow += group.inWindow
        for reason in LeftOut.Reason.counted { leftOut[reason] += group.leftOut[reason] }
        guard let beginning, group.total > 0 else { return }
        beginnings?.append(NumberBeginning(beginning, recipients: group.total, inWindow: group.inWindow))
    }

    /// Takes the share of each beginning of numbers from a count of the same audience in a part of the contacts.
    mutating func spread(like part: AudienceSize) {
        let (recipients, windows) = (
            Double(total) / Double(max(1, part.total)), Double(inWindow) / Double(max(1, part.inWindow))
        )
        beginnings = part.beginnings?.map { beginning in
            let inWindow = (Double(beginning.inWindow) * windows).rounded()
            return NumberBeginning(
                beginning.text,
                recipients: Int(max(inWindow, (Double(beginning.recipients) * recipients).rounded())),
                inWindow: Int(inWindow)
            )
        }
    }

    /// Contacts that are not counted, because free text cannot reach them.
    public var unreachable: Int { leftOut[.windowClosed] }

    /// Returns the contacts that a message reaches: free text only those in their window, a template all.
    public func reached(byFreeText isFreeText: Bool) -> AudienceSize {
        guard isFreeText else { return self }
        var size = self
        size.leftOut[.windowClosed] += outOfWindow
        size.total = inWindow
        size.beginnings = beginnings?.map { NumberBeginning($0.text, recipients: $0.inWindow, inWindow: $0.inWindow) }
        return size
    }

    /// Contacts out of their window: each costs quota.
    public var outOfWindow: Int { total - inWindow }

    /// Returns the size of an audience of which this one is a part.
    func scaled(by factor: Double) -> AudienceSize {
        AudienceSize(
            total: total.scaled(by: factor),
            inWindow: inWindow.scaled(by: factor),
            leftOut: leftOut.scaled(by: factor)
        )
    }
}

/// Contacts within a filter that do not get a message, by the first reason that applies.
public struct LeftOut: Hashable, Sendable {
    /// The reasons, in the order in which they are asked.
    public enum Reason: String, CaseIterable, Sendable {
        case deactivated, optedOut
        /// Opted out for each contact with the number, although the row of this one says otherwise.
        case suppressed
        /// Opted out of marketing messages, and the message is one.
        case marketingStopped
        /// Only a user id is known, and the message is an authentication template.
        case noNumber
        /// Did not write within 24 hours, and the message is free text.
        case windowClosed

        /// The reasons that are counted with an audience; the window depends on the message, too.
        static let counted: [Reason] = [.deactivated, .optedOut, .suppressed, .marketingStopped, .noNumber]

        /// The contacts of the reason, in words that follow a number.
        public var words: String {
            switch self {
            case .deactivated: "deactivated"
            case .optedOut: "opted out"
            case .suppressed: "suppressed"
            case .marketingStopped: "stopped marketing messages"
            case .noNumber: "without a phone number, who cannot get authentication messages"
            case .windowClosed: "out of their 24 h window, who cannot get free text"
            }
        }
    }

    private var counts: [Reason: Int] = [:]

    public init(_ counts: [Reason: Int] = [:]) {
        self.counts = counts.filter { $0.value > 0 }
    }

    /// Reads what ``json`` wrote; reasons of later versions are left out.
    init(_ text: String?) throws(PostgresError) {
        guard let text else {
            self.init()
            return
        }
        do {
            self.init(json: try JSONValue(parsing: text))
        } catch {
            throw .decoding("the contacts that were left out cannot be read: \(error)")
        }
    }

    /// Reads what ``json`` wrote; reasons of later versions are left out.
    public init(json: JSONValue) {
        for (name, count) in json.objectValue ?? [:] {
            if let reason = Reason(rawValue: name) { counts[reason] = count.integerValue }
        }
    }

    /// The number of contacts by a reason.
    public internal(set) subscript(reason: Reason) -> Int {
        get { counts[reason] ?? 0 }
        set { counts[reason] = newValue > 0 ? newValue : nil }
    }

    /// Returns the contacts that are left out of an audience of which this one is a part.
    func scaled(by factor: Double) -> LeftOut { LeftOut(counts.mapValues { $0.scaled(by: factor) }) }

    /// All contacts that are left out.
    public var total: Int { counts.values.reduce(0, +) }

    /// The numbers above zero by reason.
    public var json: JSONValue {
        .object(Dictionary(uniqueKeysWithValues: counts.map { ($0.key.rawValue, .integer($0.value)) }))
    }

    /// The reasons in words, such as `12 opted out, 3 deactivated`; `nil` if there are none.
    public var words: String? {
        guard !counts.isEmpty else { return nil }
        return Reason.allCases.filter { self[$0] > 0 }.map { "\(self[$0].grouped) \($0.words)" }.joined(separator: ", ")
    }
}

/// The contacts of a tenant by what keeps them from getting messages.
public struct TenantContacts: Hashable, Sendable {
    public let all: Int
    private let leftOut: LeftOut

    /// Makes the contacts of a tenant; by default it has none.
    public init(all: Int = 0, leftOut: LeftOut = LeftOut()) {
        (self.all, self.leftOut) = (all, leftOut)
    }

    /// Returns the contacts of a tenant of which these are a part.
    func scaled(by factor: Double) -> TenantContacts {
        TenantContacts(all: all.scaled(by: factor), leftOut: leftOut.scaled(by: factor))
    }

    var active: Int { all - leftOut[.deactivated] }
    var optedIn: Int { active - leftOut[.optedOut] }

    func notSuppressed(_ category: TemplateSpec.Category) -> Int {
        optedIn - leftOut[.suppressed] - (category.isMarketing ? leftOut[.marketingStopped] : 0)
    }
}

/// The way from all contacts of a tenant to the recipients of a message, in numbers: each step is a part of the one before.
public struct AudienceFunnel: Hashable, Sendable {
    public let contacts: Int
    public let active: Int
    public let optedIn: Int
    public let notSuppressed: Int
    /// Those within the filter of the audience.
    public let inAudience: Int
    /// Those whom the message can reach: the recipients.
    public let reachable: Int

    /// Makes the funnel of an audience.
    ///
    /// - Parameters:
    ///   - contacts: The contacts of the tenant; `nil` if it has none.
    ///   - size: The size of the audience.
    ///   - category: The category by which it was counted.
    public init(_ contacts: TenantContacts?, _ size: AudienceSize, _ category: TemplateSpec.Category) {
        let tenant = contacts ?? TenantContacts()
        (self.contacts, active, optedIn) = (tenant.all, tenant.active, tenant.optedIn)
        notSuppressed = tenant.notSuppressed(category)
        inAudience = size.total + size.leftOut[.noNumber] + size.leftOut[.windowClosed]
        reachable = size.total
    }

    /// Reads what ``json`` wrote; `nil` if a step is missing.
    public init?(json: JSONValue) {
        guard let contacts = json["contacts"]?.integerValue, let active = json["active"]?.integerValue,
            let optedIn = json["optedIn"]?.integerValue, let notSuppressed = json["notSuppressed"]?.integerValue,
            let inAudience = json["inAudience"]?.integerValue, let reachable = json["reachable"]?.integerValue
        else { return nil }
        (self.contacts, self.active, self.optedIn) = (contacts, active, optedIn)
        (self.notSuppressed, self.inAudience, self.reachable) = (notSuppressed, inAudience, reachable)
    }

    /// The steps with their names.
    public var steps: [(name: String, count: Int)] {
        [
            ("contacts", contacts), ("active", active), ("opted in", optedIn), ("not suppressed", notSuppressed),
            ("in the audience", inAudience), ("reachable", reachable),
        ]
    }

    /// The steps in one line: `1,000 contacts, 990 active, 900 opted in, …`.
    public var words: String { steps.map { "\($0.count.grouped) \($0.name)" }.joined(separator: ", ") }

    /// The steps by name.
    public var json: JSONValue {
        [
            "contacts": .integer(contacts), "active": .integer(active), "optedIn": .integer(optedIn),
            "notSuppressed": .integer(notSuppressed), "inAudience": .integer(inAudience),
            "reachable": .integer(reachable),
        ]
    }
}

extension TemplateSpec.Category {
    /// Makes the category that a run stores in two columns.
    init(isMarketing: Bool, needsNumber: Bool) {
        self = needsNumber ? .authentication : isMarketing ? .marketing : .utility
    }
}

extension Int {
    /// Scales a count of a part, to three digits: more would look like a count of the whole.
    fileprivate func scaled(by factor: Double) -> Int {
        let number = Double(self) * factor
        let digits = log10(Swift.max(1, number)).rounded(.down)
        let step = pow(10, Swift.max(0, digits - 2))
        return Int((number / step).rounded() * step)
    }
}
