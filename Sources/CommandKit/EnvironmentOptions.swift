public import ArgumentParser
import Foundation

/// The option that chooses the environment whose values specs take.
public struct EnvironmentOptions: ParsableArguments {
    @Option(
        name: .customLong("environment"),
        help: ArgumentHelp(
            "Environment whose values the specs take: a file in the folder environments beside the specs. "
                + "(default: $RECONCILE_ENVIRONMENT)",
            valueName: "name"
        )
    )
    var name: String?

    public init() {}

    /// The chosen environment; `nil` if neither the option nor the variable names one.
    public var selected: String? {
        if let name { return name }
        let variable = ProcessInfo.processInfo.environment["RECONCILE_ENVIRONMENT"] ?? ""
        return variable.isEmpty ? nil : variable
    }

    public func validate() throws {
        guard let selected, selected.isEmpty || selected.contains("/") || selected.contains(".") || selected.count > 63
        else { return }
        throw ValidationError(
            "`\(selected)` is not an environment: give the name of its file without folder and ending."
        )
    }
}
