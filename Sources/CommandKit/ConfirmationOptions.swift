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
