public import ArgumentParser
import Dispatch

/// The question that a command asks before it does something that cannot be undone.
public struct ConfirmationOptions: ParsableArguments {
    @Flag(name: .customLong("yes"), help: "Do it without asking.")
    var isConfirmed = false

    public init() {}

    /// Asks on standard error, and reads the answer from standard input.
    ///
    /// - Parameter question: The question, without the choices.
    /// - Throws: ``NotConfirmed`` for every answer but `y` and `yes`, and if there is none.
    public func confirm(_ question: String) async throws {
        if isConfirmed { return }
        Terminal.complain("\(question) [y/N] ")
        guard let answer = await Self.answer() else {
            Terminal.complain("\n")
            throw NotConfirmed()
        }
        guard ["y", "yes"].contains(answer.lowercased()) else { throw NotConfirmed() }
    }

    /// True if a question can be asked, and has to be: a person is at the terminal, and did not give `--yes`.
    public var asksPerson: Bool { !isConfirmed && Terminal.isInputTerminal && Terminal.areErrorsTerminal }

    /// Asks if a person is at the terminal; programs and pipelines go on without a question.
    ///
    /// - Parameters:
    ///   - question: The question, without the choices.
    ///   - preview: Returns what will happen; called only if there is a question. Empty if that has been shown.
    /// - Throws: ``NotConfirmed`` for every answer but `y` and `yes`; the error of `preview`.
    public func confirmAtTerminal(_ question: String, preview: () async throws -> String) async throws {
        guard asksPerson else { return }
        let text = try await preview()
        if !text.isEmpty { Terminal.complain(text + "\n") }
        try await confirm(question)
    }

    /// Reads a line on a thread of its own, because reading blocks it.
    private static func answer() async -> String? {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: readLine()) }
        }
    }
}

/// A question was not answered with yes.
public struct NotConfirmed: Error, Hashable, CustomStringConvertible {
    public let description = "nothing was changed; answer y, or give --yes"
}
