import ArgumentParser
import BenchKit
import Foundation
import NIOCore

/// Measures the numbers to reach; `Scripts/bench` builds, starts servers and calls it.
@main
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure, and compare with a floor that is taken in the same run.",
        subcommands: [
            MeasureCommand.self, ReceiverCommand.self, PostCommand.self, LibYAMLCommand.self, CommandCommand.self,
        ],
        defaultSubcommand: MeasureCommand.self
    )
}

/// The receiver as a process of its own.
struct ReceiverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "receiver",
        abstract: "Accept messages, as fast as they come, and count them.",
        shouldDisplay: false
    )

    @Option var port: Int

    func run() async throws { try await Receiver().run(port: port) }
}

/// The floor of delivery as a process of its own.
struct PostCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "post",
        abstract: "Post one body again and again, and print how long it took.",
        shouldDisplay: false
    )

    @Option var client = PostingLoop.Client.general
    @Option var url: String
    @Option var body: String
    @Option var connections: Int
    @Option var count: Int

    func run() async throws {
        guard let data = FileManager.default.contents(atPath: body) else {
            throw BenchError.file(path: body, problem: "cannot be read")
        }
        let body = ByteBuffer(bytes: data)
        let loop = PostingLoop(client: client, url: url, body: body, connections: connections, count: count)
        print(String(decoding: try JSONEncoder().encode(try await loop.run()), as: UTF8.self))
    }
}

extension PostingLoop.Client: ExpressibleByArgument {}

/// The floor of a plan as a process of its own.
struct LibYAMLCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "libyaml",
        abstract: "Parse all files of a folder with libyaml alone.",
        shouldDisplay: false
    )

    @Argument var folder: String
    @Argument var cores: Int

    func run() throws { print(try LibYAMLFloor.events(below: folder, cores: cores)) }
}

/// Another command, measured by a process that has no memory of its own to speak of.
struct CommandCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "command",
        abstract: "Run a command, and print what it took.",
        shouldDisplay: false
    )

    @Argument(parsing: .captureForPassthrough) var words: [String]

    func run() throws {
        print(String(decoding: try JSONEncoder().encode(try MeasuredProcess.run(words)), as: UTF8.self))
    }
}
