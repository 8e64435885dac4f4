import JSON

/// The ids of contacts.
public enum ContactRules {
    /// The longest id, in characters: that of a business-scoped user id of WhatsApp.
    public static let longestID = 150
}

/// The owner of the 24 hour window that a message of a contact opens.
public enum WindowOwner: String, Hashable, Sendable, CaseIterable, SpecChoice {
    case number, contact

    var meaning: String {
        switch self {
        case .number: "Only a message to the number that sends opens the window, as WhatsApp has it."
        case .contact: "A message to any number of the tenant opens the window for all of them."
        }
    }
}

/// The people who become contacts without an import.
public enum ContactCreation: String, Hashable, Sendable, CaseIterable, SpecChoice {
    case never, inbound

    var meaning: String {
        switch self {
        case .never: "A person who writes does not become a contact; an opt-out is remembered all the same."
        case .inbound: "A person who writes becomes a contact, opted out until the person agrees."
        }
    }
}

extension FieldCodec<String> {
    /// A country that has phone numbers.
    static var country: Self {
        .text(
            upTo: 2,
            pattern: "^[A-Z]{2}$",
            form: "a country",
            help: "write its ISO 3166 code of two capital letters, such as KE"
        ) { $0 == $0.uppercased() && CallingCode.of(country: $0) != nil }
    }
}

/// The business numbers whose own 24 hour window counts, by the specs of their tenants.
///
/// The rule is that of `Store.ContactWindow`, for specs that are not applied yet.
public struct WindowNumbers: Sendable {
    /// The phone number ids of the senders of each tenant.
    private var numbers: [String: Set<String>] = [:]
    /// The tenants whose contacts have one window for all numbers.
    private var shared: Set<String> = []

    public init(_ specs: some Sequence<Located<any SpecContent>>) {
        for spec in specs {
            switch spec.value {
            case let sender as SenderSpec: numbers[spec.identity.tenant, default: []].insert(sender.phoneNumberId)
            case let tenant as TenantSpec: if tenant.window == .contact { shared.insert(spec.identity.tenant) }
            default: break
            }
        }
    }

    /// Returns the number of a sender if its own window counts; `nil` if that of any number of the tenant does.
    public func number(of sender: SenderSpec, tenant: String) -> String? {
        guard let all = numbers[tenant], all.count > 1, !shared.contains(tenant) else { return nil }
        return sender.phoneNumberId
    }
}
