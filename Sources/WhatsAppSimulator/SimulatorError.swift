/// What keeps a simulator from starting, or from taking a new setting.
public enum SimulatorError: Error, Hashable, Sendable {
    /// A setting is outside its range; `field` is its path, `reason` says what it may be.
    case invalid(field: String, reason: String)
    /// A JSON document could not be read as what it should be.
    case unreadable(what: String, reason: String)
    /// The ledger file cannot be opened, read or written.
    case ledger(path: String, reason: String)
    /// The server ended before it listened on its port.
    case notListening(reason: String)
}

extension SimulatorError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .invalid(let field, let reason): "'\(field)' \(reason)"
        case .unreadable(let what, let reason): "cannot read \(what): \(reason)"
        case .ledger(let path, let reason): "ledger '\(path)': \(reason)"
        case .notListening(let reason): "the simulator is not listening: \(reason)"
        }
    }
}
