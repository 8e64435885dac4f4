import AccessTokens
import ArgumentParser
import Foundation
import Settings

struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Make an access token to try out the REST API.",
        discussion: """
            The token is signed with JWT_SECRET, which the daemon must have too. Until it expires it gives full access to \
            the tenant.

            Examples:
              campaignd token --tenant acme --lifetime 600
            """
    )

    @Option(help: "Tenant that the token gives access to.")
    var tenant: String

    @Option(help: "Subject of the token: the name of its user.")
    var subject = "developer"

    @Option(help: ArgumentHelp("Lifetime of the token, from 1 to 86400 seconds.", valueName: "seconds"))
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
        guard let secret = try Variables(ProcessInfo.processInfo.environment).secret("JWT_SECRET") else {
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
