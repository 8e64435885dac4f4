import ArgumentParser
import Reconciler
import Spec

/// The flags that each allow exactly one thing.
struct SafetyOptions: ParsableArguments {
    @Option(
        name: .customLong("allow-delete"),
        help: ArgumentHelp(
            "Allow to delete this spec, although it is protected, has a run under way (which is cancelled), or looks "
                + "as if it were renamed; may be repeated.",
            valueName: "tenant/Kind/name"
        ),
        transform: SpecName.parse
    )
    var allowedDeletes: [SpecIdentity] = []

    @Flag(help: "Allow to delete everything when there are no specs at all.")
    var allowEmpty = false

    @Option(
        name: .customLong("allow-empty-tenant"),
        help: ArgumentHelp("Allow to delete everything of this tenant; may be repeated.", valueName: "tenant")
    )
    var allowedEmptyTenants: [String] = []

    @Option(help: "How much of a tenant may be changed or deleted at once, from ten specs on.")
    var maxChangePercent = 30

    @Option(
        name: .customLong("adopt"),
        help: ArgumentHelp(
            "Let this spec take over the row that bears its name and belongs to no spec; may be repeated.",
            valueName: "tenant/Kind/name"
        ),
        transform: SpecName.parse
    )
    var adopted: [SpecIdentity] = []

    @Flag(help: "Let specs take over all such rows.")
    var adoptAll = false

    @Option(
        name: .customLong("allow-policy"),
        help: ArgumentHelp(
            "Allow this spec to break this rule of its tenant, such as maxRecipients:acme/Campaign/offer; may be "
                + "repeated.",
            valueName: "rule:name"
        ),
        transform: SafetyOptions.exception
    )
    var allowedPolicies: [PolicyException] = []

    func validate() throws {
        guard (0...100).contains(maxChangePercent) else {
            throw ValidationError("--max-change-percent takes a number from 0 to 100.")
        }
    }

    var rules: SafetyRules {
        SafetyRules(
            allowedDeletes: Set(allowedDeletes),
            allowsEmpty: allowEmpty,
            maximumChangePercent: maxChangePercent,
            allowedEmptyTenants: Set(allowedEmptyTenants),
            adopted: Set(adopted),
            adoptsAll: adoptAll,
            allowedPolicies: Set(allowedPolicies)
        )
    }

    private static func exception(_ text: String) throws -> PolicyException {
        guard let exception = PolicyException(text) else {
            throw ValidationError(
                "`\(text)` is no rule of a policy with a spec, such as maxRecipients:acme/Campaign/offer."
            )
        }
        return exception
    }
}

/// Names of specs on the command line.
enum SpecName {
    /// Reads `acme/Campaign/offer`.
    static func parse(_ text: String) throws -> SpecIdentity {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let kind = SpecKind(rawValue: parts[1]) else {
            throw ValidationError("`\(text)` is no name such as acme/Campaign/offer.")
        }
        return SpecIdentity(tenant: parts[0], kind: kind, name: parts[2])
    }
}
