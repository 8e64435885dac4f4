import ArgumentParser
import Contacts
import Foundation
import Runtime

struct ContactsSampleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sample",
        abstract: "Write made-up contacts as CSV to standard output.",
        discussion: "The same seed always gives the same people; only when they were last seen depends on the day."
    )

    @Option(help: "How many.")
    var count = 4_000

    @Option(help: "Which ones.")
    var seed: UInt64 = 1

    func validate() throws {
        guard (1...SampleContacts.maximumCount).contains(count) else {
            throw ValidationError("--count must be from 1 to \(SampleContacts.maximumCount)")
        }
    }

    func run() throws {
        var lines = ""
        for line in SampleContacts(count: count, seed: seed, now: Date()) {
            lines += line + "\n"
            guard lines.utf8.count > 1 << 16 else { continue }
            try FileHandle.standardOutput.write(contentsOf: Data(lines.utf8))
            lines = ""
        }
        try FileHandle.standardOutput.write(contentsOf: Data(lines.utf8))
    }
}
