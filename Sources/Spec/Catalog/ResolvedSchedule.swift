/// A schedule with the campaign that it starts.
public struct ResolvedSchedule: Hashable, Sendable {
    public let identity: SpecIdentity
    /// Where the name of the schedule stands.
    public let place: SourcePlace
    public let spec: ScheduleSpec
    /// A scheduled campaign of the same tenant.
    public let campaign: SpecIdentity
}
