import Foundation
import TestBed
import Testing
import YAML

/// Files of this repository, from its root.
enum Repository {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    static func yaml(_ path: String) throws -> YAMLMapping {
        let stream = YAMLReader().read([UInt8](try Data(contentsOf: root.appending(path: path))))
        try #require(stream.problems.isEmpty, "\(path): \(stream.problems)")
        return try #require(stream.documents.first?.mapping)
    }
}

/// A job of a workflow of GitHub, whose steps run here one after the other, as a runner runs them.
///
/// The checkout is the working directory of the caller. Expressions may use the operators `==`, `!=`, `&&`, `||` and `!`,
/// parentheses, and the functions `always()` and `cancelled()`.
struct WorkflowJob {
    struct Step {
        let id: String?
        let condition: String?
        let uses: String?
        let run: String?
        let variables: [(name: String, value: String)]
        let inputs: [String: String]
    }

    let condition: String
    let steps: [Step]

    init(_ name: String, in workflow: YAMLMapping) throws {
        let job = try #require(workflow["jobs"]?.mapping?[name]?.mapping, "no job \(name)")
        condition = job["if"]?.scalar?.text ?? "always()"
        steps = try #require(job["steps"]?.sequence).map { try Step(#require($0.mapping)) }
    }
}

extension WorkflowJob.Step {
    init(_ step: YAMLMapping) {
        id = step["id"]?.scalar?.text
        condition = step["if"]?.scalar?.text
        uses = step["uses"]?.scalar?.text
        run = step["run"]?.scalar?.text
        variables = step["env"]?.mapping.map { $0.pairs.map { ($0.key, $0.value.scalar?.text ?? "") } } ?? []
        inputs = Dictionary(
            uniqueKeysWithValues: step["with"]?.mapping?.pairs.map { ($0.key, $0.value.scalar?.text ?? "") } ?? []
        )
    }
}

/// One run of jobs: the files of a runner, and the values of expressions.
struct WorkflowRun {
    /// The result of a job.
    struct Result {
        /// The exit codes of the steps that ran, by id or script.
        var codes: [(step: String, code: Int32)] = []
        var log = ""
        var summary = ""
        var outputs: [String: String] = [:]
        var isFailed: Bool { codes.contains { $0.code != 0 } }
    }

    let folder: URL
    let workspace: URL
    /// The variables of the runner.
    let environment: [String: String]
    /// Values of expressions, such as `github.event_name`.
    var values: [String: String]
    /// The archive that is installed in place of the released one.
    let archive: ReleaseArchive

    func isStarted(_ job: WorkflowJob) -> Bool { Expression.isTrue(job.condition, values) }

    func run(_ job: WorkflowJob) async throws -> Result {
        var run = RunState(values: values, path: environment["PATH"] ?? "/usr/bin:/bin")
        for step in job.steps {
            let condition = step.condition ?? "success()"
            let hasStatus = ["always()", "cancelled()", "success()"].contains { condition.contains($0) }
            run.values["job.failed"] = run.result.isFailed ? "true" : "false"
            let isWanted = Expression.isTrue(condition, run.values) && (hasStatus || !run.result.isFailed)
            guard isWanted, !(condition == "success()" && run.result.isFailed) else {
                if let id = step.id { run.values["steps.\(id).outcome"] = "skipped" }
                continue
            }
            let code: Int32
            if let uses = step.uses {
                code = try await use(uses, step, &run)
            } else {
                code = try await execute(#require(step.run), step, ["/bin/bash", "-e"], &run)
            }
            if let id = step.id { run.values["steps.\(id).outcome"] = code == 0 ? "success" : "failure" }
        }
        run.result.summary = text(of: "summary")
        return run.result
    }

    private struct RunState {
        var values: [String: String]
        var path: String
        var result = Result()
    }

    private func use(_ action: String, _ step: WorkflowJob.Step, _ run: inout RunState) async throws -> Int32 {
        let (_, name, reference) = try #require(action.wholeMatch(of: /(.*)@([0-9a-f]{40})/)).output
        if name == "actions/checkout" {
            #expect(step.inputs["persist-credentials"] == "false", "the token of the job stays in the checkout")
            return 0
        }
        try #require(name.hasSuffix("/packaging/action") && !reference.isEmpty, "\(action)")
        #expect(step.inputs["url"] == "${{ env.RECONCILE_URL }}" && step.inputs["sha256"]?.contains("env.") == true)
        let file = try Repository.yaml("packaging/action/action.yml")
        let inputs = ["version": archive.version, "sha256": archive.checksum, "path": archive.file.path]
        var values = run.values
        for input in try #require(file["inputs"]?.mapping).pairs {
            values["inputs.\(input.key)"] = inputs[input.key] ?? ""
        }
        let outer = run.values
        run.values = values
        defer { run.values = outer }
        for step in try #require(file["runs"]?.mapping?["steps"]?.sequence) {
            let step = WorkflowJob.Step(try #require(step.mapping))
            let code = try await execute(
                #require(step.run),
                step,
                ["/bin/bash", "--noprofile", "--norc", "-eo", "pipefail"],
                &run
            )
            guard code == 0 else { return code }
        }
        return 0
    }

    private func execute(
        _ script: String,
        _ step: WorkflowJob.Step,
        _ shell: [String],
        _ run: inout RunState
    ) async throws -> Int32 {
        let file = folder.appending(path: "step.sh")
        #expect(!script.contains("${{"), "an expression in a script can be an injection: \(script)")
        try script.write(to: file, atomically: true, encoding: .utf8)
        var environment = environment
        environment["PATH"] = run.path
        environment["GITHUB_ACTION_PATH"] = Repository.root.appending(path: "packaging/action").path
        for name in ["output", "path", "summary"] {
            let variable = name == "summary" ? "GITHUB_STEP_SUMMARY" : "GITHUB_\(name.uppercased())"
            environment[variable] = folder.appending(path: name).path
        }
        for name in ["output", "path"] { try Data().write(to: folder.appending(path: name)) }
        for (name, value) in step.variables { environment[name] = Expression.fill(value, run.values) }
        let child = try await ChildProcess.start(
            shell[0],
            Array(shell.dropFirst()) + [file.path],
            environment: environment,
            in: workspace,
            output: .captured
        )
        let outcome = try await child.outcome()
        run.result.log += outcome.output + outcome.errors
        run.result.codes.append((step.id ?? script, outcome.exitCode))
        for (name, value) in outputs() {
            if let id = step.id { run.values["steps.\(id).outputs.\(name)"] = value }
            run.result.outputs[name] = value
        }
        let added = text(of: "path").split(separator: "\n").joined(separator: ":")
        if !added.isEmpty { run.path = added + ":" + run.path }
        return outcome.exitCode
    }

    private func text(of file: String) -> String {
        // A step that writes nothing leaves no file.
        (try? String(contentsOf: folder.appending(path: file), encoding: .utf8)) ?? ""
    }

    /// Reads `name=value` and `name<<END … END`.
    private func outputs() -> [(String, String)] {
        var found: [(String, String)] = []
        var lines = text(of: "output").split(separator: "\n", omittingEmptySubsequences: false)[...]
        while let line = lines.popFirst() {
            if let match = line.wholeMatch(of: /([A-Za-z_-]+)<<(\S+)/) {
                let value = lines.prefix { $0 != match.2 }
                lines = lines.dropFirst(value.count + 1)
                found.append((String(match.1), value.joined(separator: "\n")))
            } else if let match = line.wholeMatch(of: /([A-Za-z_-]+)=(.*)/) {
                found.append((String(match.1), String(match.2)))
            }
        }
        return found
    }
}

/// The expressions of workflows.
struct Expression {
    private var tokens: ArraySlice<String>
    private let values: [String: String]

    static func isTrue(_ text: String, _ values: [String: String]) -> Bool {
        var inner = text.trimmingCharacters(in: .whitespaces)
        if inner.hasPrefix("${{") { inner = String(inner.dropFirst(3).dropLast(2)) }
        return isTrue(value(inner, values))
    }

    /// Replaces `${{ … }}` in a text.
    static func fill(_ text: String, _ values: [String: String]) -> String {
        text.replacing(/\$\{\{(.*?)\}\}/) { value(String($0.1), values) }
    }

    private static func value(_ text: String, _ values: [String: String]) -> String {
        let tokens = text.matches(of: /'[^']*'|[A-Za-z_][A-Za-z0-9_.-]*(\(\))?|==|!=|&&|\|\||!|\(|\)/).map {
            String($0.0)
        }
        var expression = Expression(tokens: tokens[...], values: values)
        return expression.either()
    }

    private static func isTrue(_ value: String) -> Bool { !value.isEmpty && value != "false" }

    private mutating func take(_ token: String) -> Bool {
        guard tokens.first == token else { return false }
        tokens.removeFirst()
        return true
    }

    private mutating func either() -> String {
        var left = both()
        while take("||") {
            let right = both()
            if !Self.isTrue(left) { left = right }
        }
        return left
    }

    private mutating func both() -> String {
        var left = comparison()
        while take("&&") {
            let right = comparison()
            if Self.isTrue(left) { left = right }
        }
        return left
    }

    private mutating func comparison() -> String {
        let left = operand()
        if take("==") { return left == operand() ? "true" : "false" }
        if take("!=") { return left != operand() ? "true" : "false" }
        return left
    }

    private mutating func operand() -> String {
        if take("!") { return Self.isTrue(operand()) ? "false" : "true" }
        if take("(") {
            let value = either()
            _ = take(")")
            return value
        }
        guard let token = tokens.popFirst() else { return "" }
        switch token {
        case "always()": return "true"
        case "cancelled()": return "false"
        case "success()": return values["job.failed"] == "true" ? "false" : "true"
        case let text where text.hasPrefix("'"): return String(text.dropFirst().dropLast())
        default: return values[token] ?? ""
        }
    }
}

/// The archive of a release, made from the commands of this build.
struct ReleaseArchive: Sendable {
    let file: URL
    let version: String
    let checksum: String

    /// Makes the archive once for all tests.
    static func make() async throws -> ReleaseArchive { try await made.value }

    private static let made = Task {
        let build = URL(filePath: Command.path(of: "reconcile")).deletingLastPathComponent()
        return try await pack(build, into: build.appending(path: "archive"))
    }

    static func pack(_ build: URL, into folder: URL) async throws -> ReleaseArchive {
        let script = Repository.root.appending(path: "packaging/archive").path
        let line = try await ChildProcess.run(
            "/bin/bash",
            [script, build.path, folder.path],
            environment: ProcessInfo.processInfo.environment
        )
        let parts = line.split(whereSeparator: \.isWhitespace).map(String.init)
        try #require(parts.count == 2, "\(line)")
        let version = try #require(parts[1].firstMatch(of: /campaigns-(.*)-linux-/)).1
        return ReleaseArchive(file: folder.appending(path: parts[1]), version: String(version), checksum: parts[0])
    }
}
