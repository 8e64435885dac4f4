import Foundation
import TestBed
import Testing
import YAML

@testable import API

/// The alarms as rules of Prometheus, beside those of the documents and of the dashboard.
struct AlarmRulesTests {
    /// An alarm, as a rule or a row of the table has it.
    struct Alarm: Hashable {
        let name: String
        let expression: String
        /// Minutes for which the expression must hold.
        let minutes: Int
        let remedy: String
    }

    private static let file = "packaging/prometheus/campaigns.rules.yaml"
    private static let promtool = "/usr/bin/promtool"

    private static func rules() throws -> [String: Alarm] {
        let groups = try #require(try Repository.yaml(file)["groups"]?.sequence)
        var alarms: [String: Alarm] = [:]
        for rule in try groups.flatMap({ try #require($0.mapping?["rules"]?.sequence) }) {
            let rule = try #require(rule.mapping)
            let notes = try #require(rule["annotations"]?.mapping)
            let name = try #require(rule["alert"]?.scalar?.text)
            let minutes = try rule["for"]?.scalar.map { try #require(Int($0.text.dropLast())) } ?? 0
            alarms[name] = Alarm(
                name: try #require(notes["summary"]?.scalar?.text),
                expression: try #require(rule["expr"]?.scalar?.text),
                minutes: minutes,
                remedy: try #require(notes["description"]?.scalar?.text)
            )
            let severity = try #require(rule["labels"]?.mapping?["severity"]?.scalar?.text)
            #expect(LiveAlarm.Severity(rawValue: severity) != nil, "\(name)")
        }
        return alarms
    }

    /// The rows of the table in `docs/operations.md`.
    private static func documented() throws -> [Alarm] {
        let page = try String(contentsOf: Repository.root.appending(path: "docs/operations.md"), encoding: .utf8)
        let table = try #require(page.firstRange(of: "| alarm | expression | what to do |"))
        return page[table.upperBound...].split(separator: "\n").dropFirst().map { line in
            // A bar inside of a cell is escaped.
            let cells = line.replacing("\\|", with: "\u{1}").split(separator: "|").map {
                $0.trimmingCharacters(in: .whitespaces).replacing("\u{1}", with: "|")
            }
            let parts = cells[1].split(separator: "` for ")
            let minutes = parts.count > 1 ? Int(parts[1].prefix { $0.isNumber }) ?? -1 : 0
            let expression = String(parts[0].drop { $0 == "`" }.prefix { $0 != "`" })
            return Alarm(name: cells[0], expression: expression, minutes: minutes, remedy: cells[2])
        }
    }

    @Test func theRulesAreThoseOfTheDocuments() throws {
        let rules = try Self.rules()
        let documented = try Self.documented()
        #expect(documented.count > 15)
        #expect(rules.count == documented.count)
        for alarm in documented {
            let words = alarm.name.split(separator: " ").map { $0.prefix(1).uppercased() + $0.dropFirst() }
            #expect(rules["Campaigns" + words.joined()] == alarm, "\(alarm.name)")
        }
    }

    /// The dashboard evaluates the same alarms without Prometheus.
    @Test func theNumbersAreThoseOfTheDashboard() throws {
        let rules = try Self.rules()
        func expect(_ name: String, _ text: String, minutes: Double = 0) throws {
            let rule = try #require(rules["Campaigns" + name], "\(name)")
            #expect(rule.expression.contains(text), "\(name)")
            #expect(Double(rule.minutes) == minutes, "\(name)")
        }
        try expect("DaemonGone", "== 0", minutes: LiveAlarm.longestAbsence / 60)
        try expect("SenderWaits", "== 1", minutes: LiveAlarm.longestWait / 60)
        try expect("QueueStalled", "oldest_ready_seconds) > \(Int(LiveAlarm.longestQueue)) ")
        try expect("RateLimits", "[15m])) > \(LiveAlarm.mostThrottles)")
        try expect("Failures", "> \(LiveAlarm.largestFailedShare) *")
        try expect("LostAnswers", "> \(LiveAlarm.mostUnconfirmed)", minutes: 30)
        try expect("WhatsAppDown", "== 1", minutes: VitalsHistory.window / 60)
        try expect("PoolTooSmall", "[\(Int(VitalsHistory.window) / 60)m]) > 0")
        try expect("WebhooksFail", "[\(Int(VitalsHistory.window) / 60)m]) > 0")
        try expect("Memory", "> \(VitalsHistory.mostMemory)", minutes: 5)
    }

    @Test func eachAlarmIsTried() throws {
        let groups = try #require(try Repository.yaml("packaging/prometheus/tests.yaml")["tests"]?.sequence)
        let names = try groups.map { try #require($0.mapping?["name"]?.scalar?.text) }
        #expect(Set(names) == Set(try Self.rules().values.map(\.name)).union(["a daemon that works"]))
    }

    private static func check(_ arguments: [String], in folder: URL) async throws {
        let child = try await ChildProcess.start(
            promtool,
            arguments,
            environment: ProcessInfo.processInfo.environment,
            in: folder,
            output: .captured
        )
        let outcome = try await child.outcome()
        #expect(outcome.exitCode == 0, "\(outcome.output)\(outcome.errors)")
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: promtool)))
    func eachAlarmFiresWhenItShouldAndNotBefore() async throws {
        let folder = Repository.root.appending(path: "packaging/prometheus")
        try await Self.check(["check", "rules", "campaigns.rules.yaml"], in: folder)
        try await Self.check(["test", "rules", "tests.yaml"], in: folder)
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: promtool)))
    func theQueriesOfTheDashboardForGrafanaAreCorrect() async throws {
        try await TemporaryFolder.with { folder in
            let queries = try Monitoring.dashboardQueries().map { query in
                // JSON is YAML.
                let text = query.replacing("$__rate_interval", with: "5m").replacing(/\$[a-z]+/, with: ".*")
                return ["record": "x", "expr": text]
            }
            let rules = ["groups": [["name": "dashboard", "rules": queries] as [String: Any]]]
            let file = folder.appending(path: "dashboard.yaml")
            try JSONSerialization.data(withJSONObject: rules).write(to: file)
            try await Self.check(["check", "rules", "--lint=none", file.path], in: folder)
        }
    }

    @Test func rulesAndQueriesNameOnlyWhatTheDaemonsServe() throws {
        let metrics = try Monitoring.metrics()
        let queries = try Self.rules().values.map(\.expression) + Monitoring.dashboardQueries()
        #expect(queries.count > 40)
        for query in queries {
            #expect(try Monitoring.problems(of: query, metrics) == [], "\(query)")
        }
        // The check itself finds what is wrong.
        #expect(try Monitoring.problems(of: "sum(campaigns_message_total)", metrics) != [])
        #expect(try Monitoring.problems(of: #"campaigns_messages_total{result="sent"}"#, metrics) != [])
        #expect(try Monitoring.problems(of: "sum by (sender) (campaigns_messages_total)", metrics) != [])
        #expect(try Monitoring.problems(of: "campaigns_request_duration_seconds", metrics) != [])
    }
}
