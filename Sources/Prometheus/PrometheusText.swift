/// Samples in the text format of Prometheus, version 0.0.4.
package enum PrometheusText {
    package static let mediaType = "text/plain; version=0.0.4; charset=utf-8"

    /// Writes each family with its help, type and series; families without series are included.
    ///
    /// - Parameters:
    ///   - samples: The readings, in any order.
    ///   - families: The metrics to show, in this order; other families of the samples follow.
    /// - Returns: The text, with a line end after each line.
    package static func render(_ samples: [MetricSample], families: [MetricFamily] = MetricFamily.all) -> String {
        let byFamily = Dictionary(grouping: samples, by: \.family)
        let others = Set(byFamily.keys).subtracting(families).sorted { $0.name < $1.name }
        var text = ""
        for family in families + others {
            let name = sanitized(family.name)
            text += "# HELP \(name) \(escapedHelp(family.help))\n# TYPE \(name) \(family.kind.rawValue)\n"
            let samples = (byFamily[family] ?? []).map { (labels: Self.labels($0.labels), reading: $0.reading) }
            for sample in samples.sorted(by: { $0.labels < $1.labels }) {
                text += lines(name, sample.labels, sample.reading, family.buckets)
            }
        }
        return text
    }

    private static func lines(
        _ name: String,
        _ labels: String,
        _ reading: MetricReading,
        _ buckets: [Double]
    ) -> String {
        let braced = labels.isEmpty ? "" : "{\(labels)}"
        switch reading {
        case .number(let value): return "\(name)\(braced) \(number(value))\n"
        case .histogram(let counts, let sum):
            let prefix = labels.isEmpty ? "" : labels + ","
            var text = ""
            var total = 0
            for (bound, count) in zip(buckets + [.infinity], counts) {
                total += count
                text += "\(name)_bucket{\(prefix)le=\"\(number(bound))\"} \(total)\n"
            }
            return text + "\(name)_sum\(braced) \(number(sum))\n\(name)_count\(braced) \(total)\n"
        }
    }

    private static func labels(_ labels: [MetricLabel]) -> String {
        labels.map { "\(sanitized($0.name))=\"\(escapedValue($0.value))\"" }.joined(separator: ",")
    }

    /// Returns a number as text, whole numbers without a decimal point.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        return Int(exactly: value).map(String.init) ?? "\(value)"
    }

    /// Escapes backslashes, quotes and line breaks of a label value.
    private static func escapedValue(_ text: String) -> String {
        escapedHelp(text).replacing("\"", with: "\\\"")
    }

    private static func escapedHelp(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
    }

    /// Returns a valid metric name: letters, digits, underscores and colons, without a digit at the beginning.
    private static func sanitized(_ name: String) -> String {
        let text = String(name.unicodeScalars.map { allows($0) ? Character($0) : "_" })
        return text.first?.isNumber ?? true ? "_" + text : text
    }

    private static func allows(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "_", ":": true
        default: false
        }
    }
}
