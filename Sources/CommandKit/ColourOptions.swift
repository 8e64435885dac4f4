public import ArgumentParser

/// The choice of colours that commands take as `--color`.
public enum ColourChoice: String, ExpressibleByArgument, CaseIterable, Sendable {
    /// Only on a terminal, and not if `NO_COLOR` is set.
    case auto
    case always
    case never
}

/// The option for colours.
public struct ColourOptions: ParsableArguments, Sendable {
    @Option(
        name: .customLong("color"),
        help: "Colours: auto (on a terminal, unless NO_COLOR is set), always or never."
    )
    public var choice = ColourChoice.auto

    public init() {}

    /// True if results are to be coloured.
    public var outputHasColour: Bool { choice == .auto ? Terminal.outputHasColour : choice == .always }

    /// True if messages on standard error are to be coloured.
    public var errorsHaveColour: Bool { choice == .auto ? Terminal.errorsHaveColour : choice == .always }
}
