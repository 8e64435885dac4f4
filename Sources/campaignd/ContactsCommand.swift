import ArgumentParser

struct ContactsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "contacts",
        abstract: "Work with contacts.",
        subcommands: [ContactsImportCommand.self, ContactsSampleCommand.self]
    )
}
