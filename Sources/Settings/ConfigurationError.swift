/// A setting that stops the start.
public enum ConfigurationError: Error, Hashable, CustomStringConvertible {
    case missing(_ variable: String, example: String)
    case malformed(_ variable: String, problem: String)

    public var description: String {
        switch self {
        case .missing(let variable, let example): "\(variable) is not set; example: \(variable)=\(example)"
        case .malformed(let variable, let problem): "\(variable): \(problem)"
        }
    }
}
