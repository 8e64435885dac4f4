import ArgumentParser
import Foundation
import Testing
import YAML

@testable import campaignd

/// Compares `packaging/compose.yaml` with the commands, their variables and the image.
struct ComposeTests {
    private static func service(_ name: String) throws -> YAMLMapping {
        let services = try #require(try Repository.yaml("packaging/compose.yaml")["services"]?.mapping)
        return try #require(services[name]?.mapping, "\(name)")
    }

    private static func texts(_ node: YAMLNode?) -> [String] { node?.sequence?.compactMap { $0.scalar?.text } ?? [] }

    private static func variables(_ service: YAMLMapping) -> [String: String] {
        Dictionary(
            uniqueKeysWithValues: service["environment"]?.mapping?.pairs.map { ($0.key, $0.value.scalar?.text ?? "") }
                ?? []
        )
    }

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: Repository.root.appending(path: path), encoding: .utf8)
    }

    @Test func theDaemonGetsVariablesThatItKnows() throws {
        let variables = Self.variables(try Self.service("campaignd"))
        let known = Set(RunEnvironment.variables.map(\.name))
        let documented = try Self.text("docs/configuration.md")
        for name in variables.keys where !known.contains(name) {
            // `campaignd ui` reads the first, and a sender of the folder of specs names the other.
            let isNamed = documented.contains("`\(name)`") || name == "WHATSAPP_TOKEN_ACME"
            #expect(isNamed, "\(name)")
        }
        for variable in RunEnvironment.variables where variable.fallback == "required" {
            #expect(variables[variable.name] != nil, "\(variable.name)")
        }
        #expect(try Self.text("campaigns/acme/sender.yaml").contains("env:WHATSAPP_TOKEN_ACME"))
        #expect((variables["JWT_SECRET"] ?? "").utf8.count >= 32, "the API is open to the page")
        #expect(variables["UI"] != "off")
    }

    @Test func commandsAreThoseOfTheImage() throws {
        let image = try Self.text("packaging/Dockerfile")
        #expect(image.contains(#"ENTRYPOINT ["/usr/local/bin/campaignd"]"#))
        #expect(image.contains(#"CMD ["run"]"#), "the daemon is started without a command")
        #expect(try Self.service("campaignd")["command"] == nil)
        let migrate = Self.texts(try Self.service("migrate")["command"])
        #expect(try Campaignd.parseAsRoot(migrate + ["--database-url", "postgresql://nowhere"]) is MigrateCommand)
        let simulate = Self.texts(try Self.service("simulator")["command"])
        let command = try #require(try Campaignd.parseAsRoot(simulate) as? SimulateCommand)
        #expect(command.host == "0.0.0.0" && command.port == 8090)
        #expect(command.webhookURL == "http://campaignd:8080/webhooks/whatsapp")
        for service in ["migrate", "simulator", "campaignd"] {
            let build = try #require(try Self.service(service)["build"]?.mapping, "\(service)")
            let context = try #require(build["context"]?.scalar?.text)
            #expect(context == ".." && build["dockerfile"]?.scalar?.text == "packaging/Dockerfile", "\(service)")
        }
    }

    @Test func portsAreReachedFromThisMachineOnly() throws {
        let port = try #require(try Self.text("packaging/Dockerfile").firstMatch(of: /HTTP_PORT=(\d+)/)).1
        #expect(Self.texts(try Self.service("campaignd")["ports"]) == ["127.0.0.1:\(port):\(port)"])
        #expect(Self.texts(try Self.service("simulator")["ports"]) == ["127.0.0.1:8090:8090"])
        #expect(try Self.service("postgres")["ports"] == nil)
        #expect(try Self.service("redis")["ports"] == nil)
        let daemon = Self.variables(try Self.service("campaignd"))
        #expect(daemon["WHATSAPP_API_URL"]?.hasPrefix("http://simulator:8090/v") == true)
        #expect(daemon["WHATSAPP_APP_SECRET"] == Self.variables(try Self.service("simulator"))["WHATSAPP_APP_SECRET"])
        #expect(daemon["UI_URL"] == "http://127.0.0.1:\(port)")
    }

    @Test func serversKeepWhatTheyAreGiven() throws {
        let redis = Self.texts(try Self.service("redis")["command"]).joined(separator: " ")
        #expect(redis.contains("--appendonly yes") && redis.contains("--maxmemory-policy noeviction"))
        let postgres = Self.variables(try Self.service("postgres"))
        let user = try #require(postgres["POSTGRES_USER"])
        let password = try #require(postgres["POSTGRES_PASSWORD"])
        let url = "postgresql://\(user):\(password)@postgres/\(postgres["POSTGRES_DB"] ?? "")"
        for service in ["migrate", "campaignd"] {
            #expect(Self.variables(try Self.service(service))["DATABASE_URL"] == url, "\(service)")
        }
        for service in ["postgres", "redis"] {
            #expect(Self.texts(try Self.service(service)["volumes"]).count == 1, "\(service)")
        }
    }

    @Test func theDaemonWaitsForSchemaAndServers() throws {
        let needed = try #require(try Self.service("campaignd")["depends_on"]?.mapping)
        let conditions = needed.pairs.map { "\($0.key) \($0.value.mapping?["condition"]?.scalar?.text ?? "")" }
        let expected = [
            "migrate service_completed_successfully", "redis service_healthy", "simulator service_healthy",
        ]
        #expect(conditions.sorted() == expected)
        for service in ["postgres", "redis", "simulator", "campaignd"] {
            let test = Self.texts(try Self.service(service)["healthcheck"]?.mapping?["test"])
            #expect(test.first == "CMD" && test.count > 1, "\(service)")
        }
    }
}
