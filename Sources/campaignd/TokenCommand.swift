import AccessTokens
import ArgumentParser
import Foundation
import Runtime
import Settings

struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Make an access token for the REST API, to try it out.",
        discussion: """
            Signs with JWT_SECRET, which the daemon must have too. Whoever has the token acts as the tenant until it expires.
            """
    )

    @Option(help: "Tenant that the token is for.")
    var tenant: String

    @Option(help: "Who the token says you are.")
    var subject = "developer"

    @Option(help: ArgumentHelp("How long it is good, from 1 to 86400 seconds.", valueName: "seconds"))
    var lifetime = 3_600

    func validate() throws {
        guard (1...86_400).contains(lifetime) else {
            throw ValidationError("--lifetime takes a number from 1 to 86400.")
        }
        guard (1...50).contains(tenant.unicodeScalars.count) else {
            throw ValidationError("--tenant takes 1 to 50 characters.")
        }
    }

    func run() throws {
        guard let secret = Variables(ProcessInfo.processInfo.environment)["JWT_SECRET"] else {
            throw ConfigurationError.missing("JWT_SECRET", example: "$(openssl rand -hex 32)")
        }
        print(
            try TokenMinter.token(
                tenant: tenant,
                subject: subject,
                lifetime: TimeInterval(lifetime),
                secret: secret
            )
        )
    }
}
