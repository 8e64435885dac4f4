/// A trigger with the campaign that it starts.
public struct ResolvedTrigger: Hashable, Sendable {
    public let identity: SpecIdentity
    /// Where the name of the trigger stands.
    public let place: SourcePlace
    public let spec: TriggerSpec
    /// An event-triggered campaign of the same tenant.
    public let campaign: SpecIdentity
}
