import Foundation
import Spec

/// The files through which a step of a GitHub workflow speaks to the ones after it; elsewhere there are none.
enum GitHubFiles {
    /// Adds Markdown to the summary of the step.
    static func addSummary(_ markdown: String) throws {
        guard !markdown.isEmpty else { return }
        try append(markdown, toFileOf: "GITHUB_STEP_SUMMARY")
    }

    /// Adds variables for later steps, which see them as `steps.<id>.outputs.<name>`.
    static func addOutputs(_ outputs: [(name: String, value: String)]) throws {
        try append(outputs.map(GitHubText.output).joined(), toFileOf: "GITHUB_OUTPUT")
    }

    private static func append(_ text: String, toFileOf variable: String) throws {
        guard let path = ProcessInfo.processInfo.environment[variable], !path.isEmpty else { return }
        if !FileManager.default.fileExists(atPath: path) {
            try Data().write(to: URL(filePath: path))
        }
        let file = try FileHandle(forWritingTo: URL(filePath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data(text.utf8))
        try file.close()
    }
}
