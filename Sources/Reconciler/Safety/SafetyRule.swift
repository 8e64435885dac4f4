/// A safety rule, with everything that `reconcile explain` says about it.
public enum SafetyRule: String, CaseIterable, Sendable {
    case emptyCatalog, emptyTenant, protectedDelete, deleteUnderWay, looksLikeRename, ignoredRename, unmanagedRow
    case policy, policyRule, retention, tooManyChanges, tooManyRecipients

    /// Finds a rule by its code, whatever the case of its letters; `nil` if there is none.
    public init?(code: String) {
        guard let rule = Self.allCases.first(where: { $0.rawValue.lowercased() == code.lowercased() }) else {
            return nil
        }
        self = rule
    }

    /// The subject of the rule, in a few words.
    public var title: String {
        switch self {
        case .emptyCatalog: "no specs at all, and everything would be deleted"
        case .emptyTenant: "a tenant without specs, and all its rows would be deleted"
        case .protectedDelete: "a protected spec would be deleted"
        case .deleteUnderWay: "a campaign with an open run would be deleted"
        case .looksLikeRename: "a deleted and a created spec look like one with a new name"
        case .ignoredRename: "`renamedFrom` names a row that cannot be renamed"
        case .unmanagedRow: "a row of this name exists, and no spec manages it"
        case .policy: "a limit of the tenant's policy is exceeded"
        case .policyRule: "a change breaks a rule of the tenant's policy"
        case .retention: "a new or shorter retention deletes rows for good"
        case .tooManyChanges: "a large share of a tenant's specs is edited or deleted"
        case .tooManyRecipients: "edits that campaigns inherit concern many recipients"
        }
    }

    /// The reason for the rule and the remedy, in a few sentences; it ends in a newline.
    public var explanation: String { text + "\n" }

    /// The flag that allows a change against the rule, with an example of its value.
    public var flag: String {
        switch self {
        case .emptyCatalog: "--allow-empty"
        case .emptyTenant: "--allow-empty-tenant acme"
        case .protectedDelete, .deleteUnderWay: "--allow-delete acme/Campaign/offer"
        case .looksLikeRename, .ignoredRename: "--allow-delete acme/Campaign/old-name"
        case .unmanagedRow: "--adopt acme/Campaign/offer"
        case .policy: "--allow-policy maxRecipients:acme/Campaign/offer=998"
        case .policyRule: "--allow-rule large-sends:acme/Campaign/offer"
        case .retention: "--allow-retention acme"
        case .tooManyChanges: "--max-change-percent 45"
        case .tooManyRecipients: "--max-inherited-recipients 250000"
        }
    }

    private var text: String {
        switch self {
        case .emptyCatalog:
            "The folder has no specs, but the database has rows that came from specs. Usually the path is wrong, or a "
                + "checkout is incomplete."
        case .emptyTenant:
            "The folder of a tenant is missing or empty, but the database has rows of its specs. Usually a folder was "
                + "moved or renamed."
        case .protectedDelete:
            "The spec had `protect: true` when it was last applied. The protection is kept in the row, so that it "
                + "survives the file."
        case .deleteUnderWay:
            "Deleting a campaign cancels its open run: recipients that did not get their message yet will not get it. "
                + "Wait for the end of the run, or cancel it first."
        case .looksLikeRename:
            "A spec with a new name has no history, and its schedules begin anew. If it is the same spec, write "
                + "`renamedFrom: old-name` in it: identity, history and runs then follow."
        case .ignoredRename:
            "A row with the new name exists already, so the old row would be deleted instead of being renamed. Choose "
                + "another name, or delete one of the two first."
        case .unmanagedRow:
            "The row was made by the API or by hand. Taking it over replaces its content by the spec. "
                + "`reconcile export` writes the spec that changes nothing about it."
        case .policy:
            "`policy` of the `Tenant` limits what its specs may do. The limit that is allowed is stored, and later "
                + "launches are held to it."
        case .policyRule:
            "A rule under `policy.rules` of the `Tenant` matches a change of the plan; its message says why it is there. "
                + "A plan is judged by the rules that were applied before it and by its own, so a rule cannot be "
                + "removed together with the change that it forbids."
        case .retention:
            "Daemons delete rows that are older than `retention` of the tenant within minutes after it was applied, and "
                + "nothing brings them back. The plan counts about how many there are now. Counters and reports of runs stay."
        case .tooManyChanges:
            "From ten specs on, a plan that edits or deletes more than 30 % of a tenant's specs is often a mistake. Specs "
                + "that only inherit an edit do not count."
        case .tooManyRecipients:
            "An audience, template or default that many campaigns share was edited. These campaigns count by their "
                + "recipients, in total, and not as edited specs."
        }
    }
}
