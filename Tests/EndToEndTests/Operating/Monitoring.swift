import Foundation
import Testing

/// The queries of the dashboard for Grafana, and the metrics that they may name.
enum Monitoring {
    /// The metrics of `docs/metrics.md`, which a test compares with what a daemon serves: type and labels by name.
    typealias Metrics = [String: (type: String, labels: Set<String>)]

    static func metrics() throws -> Metrics {
        let page = try String(contentsOf: Repository.root.appending(path: "docs/metrics.md"), encoding: .utf8)
        var metrics: Metrics = ["up": ("gauge", [])]
        for row in page.matches(of: /\n\| `([a-z_]+)` \| (\w+) \| ([^|]*) \|/) {
            metrics[String(row.1)] = (String(row.2), Set(row.3.matches(of: /`(\w+)`/).map { String($0.1) }))
        }
        try #require(metrics.count > 40)
        return metrics
    }

    static func dashboardQueries() throws -> [String] {
        let file = Repository.root.appending(path: "packaging/grafana/campaigns.json")
        let dashboard = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any]
        let panels = try #require(dashboard?["panels"] as? [[String: Any]])
        let targets = panels.flatMap { $0["targets"] as? [[String: Any]] ?? [] }
        let ids = panels.compactMap { $0["id"] as? Int }
        #expect(Set(ids).count == panels.count, "each panel has an id of its own")
        return try targets.map { try #require($0["expr"] as? String) }
    }

    /// Returns what a query names that no daemon serves: metrics, and labels that none of its metrics has.
    static func problems(of query: String, _ metrics: Metrics) throws -> [String] {
        var problems: [String] = []
        // Prometheus adds these itself, and `le` belongs to buckets.
        var labels: Set<String> = ["job", "instance", "le"]
        let strings = /"(?:[^"\\]|\\.)*"/
        let names = query.replacing(strings, with: "\"\"").matches(of: /\b(?:campaigns|process)_[a-z_]+\b|\bup\b/)
        if names.isEmpty { problems.append("no metric") }
        for name in names.map({ String($0.output) }) {
            let suffix = ["_bucket", "_sum", "_count"].first { name.hasSuffix($0) } ?? ""
            let base = String(name.dropLast(suffix.count))
            if let metric = metrics[base], !suffix.isEmpty, metric.type == "histogram" {
                labels.formUnion(metric.labels)
            } else if let metric = metrics[name], metric.type != "histogram" {
                labels.formUnion(metric.labels)
            } else {
                problems.append(name)
            }
        }
        // Matchers stand in braces, groups behind `by` and `on`.
        let matchers = query.matches(of: /([a-z_]+)\s*(?:=~|!~|!=|=)\s*"/).map { String($0.1) }
        let groups = query.matches(of: /\b(?:by|on)\s*\(([a-z_, ]*)\)/).flatMap { group in
            group.1.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        }
        problems += Set(matchers + groups).subtracting(labels).sorted()
        return problems
    }
}
