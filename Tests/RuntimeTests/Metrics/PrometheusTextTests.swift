import CoreMetrics
import Testing

@testable import Prometheus
@testable import Runtime

/// Counting through the metrics API, and the text that Prometheus reads.
struct PrometheusTextTests {
    private static let counter = MetricFamily("test_total", .counter, "A \\ and\na line.", labels: ["who"])
    private static let gauge = MetricFamily("test_gauge", .gauge, "A gauge.")
    private static let timer = MetricFamily(
        "test_seconds",
        .histogram,
        "Times.",
        labels: ["who"],
        buckets: [0.1, 0.5, 1]
    )
    private static let families = [counter, gauge, timer]

    private let registry = PrometheusRegistry(families: Self.families)

    private func text() -> String { PrometheusText.render(registry.samples, families: Self.families) }

    @Test func writesHelpTypeAndSeriesInOrder() {
        Self.counter.counter(["b"], factory: registry).increment(by: 2)
        Self.counter.counter(["a"], factory: registry).increment()
        Meter(label: "test_gauge", factory: registry).set(2.5)
        Self.timer.timer(["x"], factory: registry).record(.milliseconds(500))
        Self.timer.timer(["x"], factory: registry).record(.milliseconds(2_250))
        #expect(
            text() == #"""
                # HELP test_total A \\ and\na line.
                # TYPE test_total counter
                test_total{who="a"} 1
                test_total{who="b"} 2
                # HELP test_gauge A gauge.
                # TYPE test_gauge gauge
                test_gauge 2.5
                # HELP test_seconds Times.
                # TYPE test_seconds histogram
                test_seconds_bucket{who="x",le="0.1"} 0
                test_seconds_bucket{who="x",le="0.5"} 1
                test_seconds_bucket{who="x",le="1"} 1
                test_seconds_bucket{who="x",le="+Inf"} 2
                test_seconds_sum{who="x"} 2.75
                test_seconds_count{who="x"} 2

                """#
        )
    }

    @Test(arguments: [
        "plain", #"a "quoted" name"#, #"back\slash"#, #"\n"#, "two\nlines", "{x=\"1\"}", "ø, \u{1F600}", "",
    ])
    func labelValuesComeBackAsTheyWere(value: String) throws {
        Self.counter.counter([value], factory: registry).increment()
        Self.timer.timer([value], factory: registry).record(.seconds(1))
        let exposition = try Exposition(text())
        #expect(exposition.value("test_total", ["who": value]) == 1)
        #expect(exposition.value("test_seconds_count", ["who": value]) == 1)
        #expect(exposition.problems(ofHistogram: "test_seconds") == [])
    }

    @Test func theSameNameAndLabelsAreOneSeries() throws {
        for _ in 0..<3 { Counter(label: "test_total", dimensions: [("who", "a")], factory: registry).increment() }
        #expect(try Exposition(text()).value("test_total", ["who": "a"]) == 3)
        #expect(registry.samples.count == 1)
    }

    @Test func aNameOfAnotherKindIsNotMixedIn() throws {
        Self.counter.counter(["a"], factory: registry).increment()
        Meter(label: "test_total", dimensions: [("who", "a")], factory: registry).set(17)
        #expect(try Exposition(text()).value("test_total", ["who": "a"]) == 1)
    }

    @Test func unknownMetricsAreShownUnderALegalName() throws {
        Counter(label: "other.package-counter", dimensions: [("a.b", "c")], factory: registry).increment()
        let exposition = try Exposition(text())
        #expect(exposition.value("other_package_counter", ["a_b": "c"]) == 1)
    }

    @Test func numbersThatAreNoneSpoilNoHistogram() throws {
        let recorder = Recorder(label: "test_seconds", dimensions: [("who", "a")], factory: registry)
        recorder.record(Double.nan)
        recorder.record(Double.infinity)
        recorder.record(0.25)
        #expect(try Exposition(text()).value("test_seconds_sum", ["who": "a"]) == 0.25)
    }

    @Test func countersLoseNothingUnderContention() async throws {
        let counter = Self.counter.counter(["a"], factory: registry)
        let timer = Self.timer.timer(["a"], factory: registry)
        await withDiscardingTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<10_000 {
                        counter.increment()
                        timer.record(.milliseconds(250))
                    }
                }
            }
        }
        let exposition = try Exposition(text())
        #expect(exposition.value("test_total", ["who": "a"]) == 80_000)
        #expect(exposition.value("test_seconds_bucket", ["who": "a", "le": "0.5"]) == 80_000)
        #expect(exposition.value("test_seconds_sum", ["who": "a"]) == 20_000)
    }

    @Test func theCatalogIsInOrder() {
        let names = MetricFamily.all.map(\.name)
        #expect(Set(names).count == names.count)
        for family in MetricFamily.all {
            #expect(family.name.wholeMatch(of: /(campaigns|process)_[a-z_]+/) != nil)
            #expect((family.kind == .histogram) == !family.buckets.isEmpty, "\(family.name)")
            #expect(family.buckets == family.buckets.sorted(), "\(family.name)")
            #expect((family.kind == .counter) == family.name.hasSuffix("_total"), "\(family.name)")
        }
    }
}
