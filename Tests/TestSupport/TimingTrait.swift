public import Testing

/// Marks a suite or test that measures a pace or a deadline.
///
/// `Scripts/test` finds the mark in the sources and runs these tests after the others, one at a time, so that each has
/// the processors to itself.
public struct TimingTrait: SuiteTrait, TestTrait {}

extension Trait where Self == TimingTrait {
    /// The test measures a pace or a deadline.
    public static var timing: Self { TimingTrait() }
}
