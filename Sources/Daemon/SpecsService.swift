public import API
public import ServiceLifecycle

/// The loop that applies specs beside the daemon, and its state.
public struct SpecsService: Sendable {
    let service: any Service
    let state: @Sendable () -> SpecsState

    /// Makes the description of a loop.
    ///
    /// - Parameters:
    ///   - service: Runs as long as the daemon.
    ///   - state: Returns how it fares at this moment.
    public init(service: any Service, state: @escaping @Sendable () -> SpecsState) {
        self.service = service
        self.state = state
    }
}
