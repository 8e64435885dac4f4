public import Spec

/// Why rows could not be brought to what the specs say.
public enum ManagedError: Error, Equatable, CustomStringConvertible {
    /// Fewer rows were written than planned: a row is gone, or something that it refers to is.
    case incomplete(kind: SpecKind, action: String, expected: Int, written: Int)

    public var description: String {
        switch self {
        case .incomplete(let kind, let action, let expected, let written):
            "only \(written) of \(expected) rows of kind \(kind.rawValue) could be \(action); "
                + "they or what they refer to changed meanwhile: run reconcile again"
        }
    }
}
