import Foundation

/// An answer of `/metrics`, read as strictly as the format asks for.
struct Exposition {
    struct Mistake: Error, CustomStringConvertible {
        let line: String
        let problem: String
        var description: String { "\(problem): \(line)" }
    }

    struct Sample: Hashable {
        let name: String
        let labels: [String: String]
        let value: Double
    }

    private(set) var types: [String: String] = [:]
    private(set) var helps: [String: String] = [:]
    private(set) var samples: [Sample] = []

    init(_ text: String) throws {
        guard text.hasSuffix("\n") else { throw Mistake(line: String(text.suffix(80)), problem: "no line end") }
        var current = ""
        for line in text.dropLast().split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            if let match = line.wholeMatch(of: /# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)/) {
                guard helps.updateValue(String(match.2), forKey: String(match.1)) == nil else {
                    throw Mistake(line: line, problem: "a family twice")
                }
                current = String(match.1)
            } else if let match = line.wholeMatch(of: /# TYPE (\S+) (counter|gauge|histogram)/) {
                guard match.1 == current else { throw Mistake(line: line, problem: "the type of another family") }
                types[current] = String(match.2)
            } else {
                try read(line, of: current)
            }
        }
    }

    /// The value of a series; `nil` when there is none.
    func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        samples.first { $0.name == name && $0.labels == labels }?.value
    }

    private mutating func read(_ line: String, of family: String) throws {
        guard let match = line.wholeMatch(of: /([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)/) else {
            throw Mistake(line: line, problem: "no sample")
        }
        let name = String(match.1)
        let suffixes = types[family] == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
        guard suffixes.contains(where: { name == family + $0 }) else {
            throw Mistake(line: line, problem: "a sample outside of its family \(family)")
        }
        let value = match.3 == "+Inf" ? .infinity : Double(match.3)
        guard let value else { throw Mistake(line: line, problem: "no number") }
        let sample = Sample(name: name, labels: try Self.labels(match.2.map(String.init) ?? "", line), value: value)
        guard !samples.contains(where: { $0.name == name && $0.labels == sample.labels }) else {
            throw Mistake(line: line, problem: "a series twice")
        }
        samples.append(sample)
    }

    private static func labels(_ text: String, _ line: String) throws -> [String: String] {
        var labels: [String: String] = [:]
        var rest = text[...]
        while !rest.isEmpty {
            guard let match = rest.prefixMatch(of: /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/) else {
                throw Mistake(line: line, problem: "no label at `\(rest)`")
            }
            labels[String(match.1)] = unescaped(String(match.2))
            rest = rest[match.range.upperBound...]
        }
        return labels
    }

    private static func unescaped(_ text: String) -> String {
        var result = ""
        var isEscaped = false
        for character in text {
            if isEscaped {
                result.append(character == "n" ? "\n" : character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else {
                result.append(character)
            }
        }
        return result
    }

    /// The errors of a histogram: its buckets must rise to its count.
    func problems(ofHistogram name: String) -> [String] {
        var problems: [String] = []
        let groups = Dictionary(grouping: samples.filter { $0.name == name + "_bucket" }) { sample in
            sample.labels.filter { $0.key != "le" }
        }
        for (labels, buckets) in groups {
            let bounds = buckets.map { $0.labels["le"] == "+Inf" ? .infinity : Double($0.labels["le"] ?? "") ?? .nan }
            if bounds.last != .infinity || bounds != bounds.sorted() { problems.append("bounds \(bounds)") }
            let counts = buckets.map(\.value)
            if counts != counts.sorted() { problems.append("counts \(counts)") }
            if counts.last != value(name + "_count", labels) { problems.append("count of \(labels)") }
            if value(name + "_sum", labels) == nil { problems.append("no sum of \(labels)") }
        }
        if groups.isEmpty { problems.append("no buckets") }
        return problems
    }
}
