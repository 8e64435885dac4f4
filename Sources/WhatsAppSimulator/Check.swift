/// The checks that configurations and faults share.
enum Check {
    static func that(_ condition: Bool, _ field: String, _ reason: @autoclosure () -> String) throws(SimulatorError) {
        guard condition else { throw .invalid(field: field, reason: reason()) }
    }

    static func share(_ value: Double, _ field: String) throws(SimulatorError) {
        try that(value >= 0 && value <= 1, field, "must be a share from 0 to 1, not \(value)")
    }

    static func status(_ value: Int?, _ field: String) throws(SimulatorError) {
        guard let value else { return }
        try that((400...599).contains(value), field, "must be an HTTP status from 400 to 599, not \(value)")
    }

    static func seconds(_ value: Double, _ field: String) throws(SimulatorError) {
        try that(value >= 0 && value <= 86_400, field, "must be 0 to 86400 seconds, not \(value)")
    }

    static func delay(_ range: ClosedRange<Duration>, _ field: String) throws(SimulatorError) {
        try that(range.lowerBound >= .zero, field, "must not begin below 0 seconds")
        try that(range.upperBound <= .seconds(86_400), field, "must not be longer than a day")
    }

    /// Only what can be posted to; a misspelled scheme would otherwise show up as endless retries.
    static func url(_ value: String, _ field: String) throws(SimulatorError) {
        let isHTTP = value.hasPrefix("http://") || value.hasPrefix("https://")
        try that(isHTTP && !value.contains(" "), field, "must be like http://127.0.0.1:8080/path, not '\(value)'")
    }
}
