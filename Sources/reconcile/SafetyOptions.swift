import ArgumentParser
import Reconciler
import Spec

/// The flags that override safety rules, each exactly one.
struct SafetyOptions: ParsableArguments {
    @Option(
        name: .customLong("allow-delete"),
        help: ArgumentHelp(
            "Allow the deletion of this spec even if it is protected, has an open run (which is cancelled), or looks "
                + "like a rename; may be repeated.",
            valueName: "tenant/Kind/name"
        ),
        transform: SpecName.parse
    )
    var allowedDeletes: [SpecIdentity] = []

    @Flag(help: "Allow the deletion of everything if there are no specs at all.")
    var allowEmpty = false

    @Option(
        name: .customLong("allow-empty-tenant"),
        help: ArgumentHelp("Allow the deletion of all specs of this tenant; may be repeated.", valueName: "tenant")
    )
    var allowedEmptyTenants: [String] = []

    @Option(
        name: .customLong("allow-retention"),
        help: ArgumentHelp(
            "Allow the retention of this tenant to delete the rows that the plan counts; may be repeated.",
            valueName: "tenant"
        )
    )
    var allowedRetentions: [String] = []

    @Option(help: "Maximum share of a tenant's specs that may be edited or deleted at once, from ten specs on.")
    var maxChangePercent = 30

    @Option(
        help: ArgumentHelp(
            "Maximum number of recipients, in total, of a tenant's campaigns that inherit an edited audience, template or "
                + "default.",
            valueName: "count"
        )
    )
    var maxInheritedRecipients = 100_000

    @Option(
        name: .customLong("adopt"),
        help: ArgumentHelp(
            "Let this spec take over the row of its name that no spec manages; may be repeated.",
            valueName: "tenant/Kind/name"
        ),
        transform: SpecName.parse
    )
    var adopted: [SpecIdentity] = []

    @Flag(help: "Let specs take over all rows of their names that no spec manages.")
    var adoptAll = false

    @Option(
        name: .customLong("allow-policy"),
        help: ArgumentHelp(
            "Allow this spec to break this rule of its tenant up to a limit, such as "
                + "maxRecipients:acme/Campaign/offer=998. Later launches are held to the limit; without one, to what "
                + "the plan shows. May be repeated.",
            valueName: "rule:name=limit"
        ),
        transform: SafetyOptions.exception
    )
    var allowedPolicies: [PolicyException] = []

    @Option(
        name: .customLong("allow-rule"),
        help: ArgumentHelp(
            "Allow this change although a rule of its tenant's policy forbids it, such as "
                + "large-sends:acme/Campaign/offer; may be repeated.",
            valueName: "rule:name"
        ),
        transform: SafetyOptions.ruleException
    )
    var allowedRules: [RuleException] = []

    func validate() throws {
        guard maxInheritedRecipients >= 0 else {
            throw ValidationError("--max-inherited-recipients takes a number from 0.")
        }
        guard (0...100).contains(maxChangePercent) else {
            throw ValidationError("--max-change-percent takes a number from 0 to 100.")
        }
    }

    var rules: SafetyRules {
        SafetyRules(
            allowedDeletes: Set(allowedDeletes),
            allowsEmpty: allowEmpty,
            maximumChangePercent: maxChangePercent,
            maximumInheritedRecipients: maxInheritedRecipients,
            allowedEmptyTenants: Set(allowedEmptyTenants),
            allowedRetentions: Set(allowedRetentions),
            adopted: Set(adopted),
            adoptsAll: adoptAll,
            allowedPolicies: Set(allowedPolicies),
            allowedRules: Set(allowedRules)
        )
    }

    private static func ruleException(_ text: String) throws -> RuleException {
        guard let exception = RuleException(text) else {
            throw ValidationError(
                "`\(text)` is not a rule with a spec, such as large-sends:acme/Campaign/offer."
            )
        }
        return exception
    }

    private static func exception(_ text: String) throws -> PolicyException {
        guard let exception = PolicyException(text) else {
            throw ValidationError(
                "`\(text)` is not a policy rule with a spec and a limit, such as maxRecipients:acme/Campaign/offer=998."
            )
        }
        return exception
    }
}

/// A spec on the command line.
enum SpecName {
    /// Reads `acme/Campaign/offer`.
    static func parse(_ text: String) throws -> SpecIdentity {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let kind = SpecKind(rawValue: parts[1]) else {
            throw ValidationError("`\(text)` is not a spec: write tenant/Kind/name, such as acme/Campaign/offer.")
        }
        return SpecIdentity(tenant: parts[0], kind: kind, name: parts[2])
    }
}
