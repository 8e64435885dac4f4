public import Testing

/// Marks a suite that measures a pace or a deadline.
///
/// `Scripts/test` finds the mark in the sources and runs these suites after the others, so that they have the processors
/// to themselves.
public struct TimingTrait: SuiteTrait {}

extension Trait where Self == TimingTrait {
    /// The suite measures a pace or a deadline.
    public static var timing: Self { TimingTrait() }
}
