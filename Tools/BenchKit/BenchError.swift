/// Why there is no number.
public enum BenchError: Error, Hashable, Sendable {
    /// A round gave nothing.
    case nothingMeasured
    /// A file cannot be used.
    case file(path: String, problem: String)
    /// A command did not do what it was asked to do.
    case command(String, output: String)
    /// Something did not happen in time.
    case timeout(waitingFor: String, seconds: Int)
    /// What came out cannot be right, so its speed says nothing.
    case wrong(String)
    /// The environment lacks something.
    case missing(String, remedy: String)
}

extension BenchError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .nothingMeasured: "a round measured nothing"
        case .file(let path, let problem): "\(path): \(problem)"
        case .command(let command, let output): "`\(command)` failed: \(output)"
        case .timeout(let what, let seconds): "waited \(seconds) s for \(what)"
        case .wrong(let what): "not measured, because it did not work: \(what)"
        case .missing(let what, let remedy): "there is no \(what): \(remedy)"
        }
    }
}
