public import AccessTokens
public import ArgumentParser
import Foundation
import Settings

/// The options of commands that make an access token.
struct TokenOptions: ParsableArguments {
    @Option(help: "Tenant that the token gives access to.")
    var tenant: String

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

    /// Makes a token with the secret of the environment.
    ///
    /// - Throws: `ConfigurationError` if `JWT_SECRET` is missing or too short.
    func token(subject: String, scopes: [AccessScope]?, _ variables: Variables) throws -> String {
        guard let secret = try variables.secret("JWT_SECRET") else {
            throw ConfigurationError.missing("JWT_SECRET", example: "$(openssl rand -hex 32)")
        }
        return try TokenMinter.token(
            tenant: tenant,
            subject: subject,
            scopes: scopes,
            lifetime: TimeInterval(lifetime),
            secret: secret
        )
    }
}

extension AccessScope: ExpressibleByArgument {}

struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Make an access token to try out the REST API.",
        discussion: """
            The token is signed with JWT_SECRET, which the daemon must have too. Until it expires it gives access to the \
            tenant: full access, or that of the scopes.

            Examples:
              campaignd token --tenant acme --lifetime 600
              campaignd token --tenant acme --scope operate --scope contacts
            """
    )

    @OptionGroup var token: TokenOptions

    @Option(help: "Subject of the token: the name of its user.")
    var subject = "developer"

    @Option(help: "Scope of the token; may be repeated. (default: admin)")
    var scope: [AccessScope] = []

    func run() throws {
        let variables = Variables(ProcessInfo.processInfo.environment)
        print(try token.token(subject: subject, scopes: scope.isEmpty ? nil : scope, variables))
    }
}

struct UICommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ui",
        abstract: "Print a link to the dashboard, with an access token.",
        discussion: """
            Whoever has the link sees the tenant until the token expires. The token is signed with JWT_SECRET, which the daemon \
            must have too. It follows the `#` of the link, so browsers send it to no server and no log has it; the page sends it \
            to the API.

            Examples:
              campaignd ui --tenant acme
              campaignd ui --tenant acme --scope operate --url https://campaigns.example.com
            """
    )

    @OptionGroup var token: TokenOptions

    @Option(help: "Scope of the token: read, operate, admin or contacts; may be repeated. (default: read)")
    var scope: [AccessScope] = []

    @Option(help: "Subject of the token, which actions on campaigns show. (default: the user's name)")
    var subject: String?

    @Option(help: "Address of the daemon. (default: $UI_URL, or by $HTTP_HOST and $HTTP_PORT)")
    var url: String?

    func run() throws {
        let environment = ProcessInfo.processInfo.environment
        let user = environment["SUDO_USER"] ?? ProcessInfo.processInfo.userName
        let text = try token.token(
            subject: subject ?? user,
            scopes: scope.isEmpty ? [.read] : scope,
            Variables(environment)
        )
        print("\(try Self.address(url, environment))/ui#token=\(text)")
    }

    /// Returns the address of the daemon without a slash at its end.
    ///
    /// - Throws: `ConfigurationError` if the option or a variable is malformed.
    static func address(_ option: String?, _ environment: [String: String]) throws(ConfigurationError) -> String {
        let example = "https://campaigns.example.com"
        if let option, let url = try Variables(["--url": option]).url("--url", example: example) { return url }
        let variables = Variables(environment)
        if let url = try variables.url("UI_URL", example: example) { return url }
        let scheme = variables["TLS_CERTIFICATE_FILE"] == nil ? "http" : "https"
        let port = try variables.integer("HTTP_PORT", in: 0...65_535, example: "8080") ?? 8080
        var host = variables["HTTP_HOST"] ?? "127.0.0.1"
        // A daemon that listens on all addresses also does on this one.
        if ["0.0.0.0", "::"].contains(host) { host = "127.0.0.1" }
        if host.contains(":") { host = "[\(host)]" }
        return "\(scheme)://\(host):\(port)"
    }
}
