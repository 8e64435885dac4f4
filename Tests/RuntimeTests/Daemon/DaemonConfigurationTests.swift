import Foundation
import Logging
import Postgres
import Redis
import Settings
import TestSupport
import Testing

@testable import Daemon
@testable import Runtime
@testable import Settings

/// Settings from the environment, and the errors about wrong ones.
struct DaemonConfigurationTests {
    static let minimum = [
        "DATABASE_URL": "postgresql://campaigns:secret@localhost:5432/campaigns",
        "REDIS_URL": "redis://localhost:6379/0",
    ]

    private func configuration(_ changes: [String: String]) throws -> DaemonConfiguration {
        try DaemonConfiguration(environment: Self.minimum.merging(changes) { _, changed in changed })
    }

    @Test func hasDefaultsForAllButTheServers() throws {
        let configuration = try configuration([:])
        #expect(configuration.httpHost == "127.0.0.1")
        #expect(configuration.httpPort == 8080)
        #expect(configuration.whatsAppURL == "https://graph.facebook.com/v23.0")
        #expect(configuration.appSecret == nil && configuration.verifyToken == nil)
        #expect(configuration.tokens == nil && configuration.requestsPerSecond == 100)
        #expect(configuration.eventsPerSecond == 10_000)
        #expect(configuration.maximumInFlight == 1_024)
        #expect(configuration.unconfirmedTimeout == .seconds(900))
        #expect(configuration.logLevel == .info && configuration.servesDashboard)
        #expect(configuration.listening == nil && configuration.replica == nil)
        #expect(configuration.replicaAge == .seconds(10) && configuration.openFiles == 1_288)
    }

    @Test func readsEveryVariable() throws {
        let configuration = try configuration([
            "HTTP_HOST": "0.0.0.0", "HTTP_PORT": "0", "WHATSAPP_API_URL": "http://localhost:9000/v23.0//",
            "WHATSAPP_APP_SECRET": "s", "WHATSAPP_VERIFY_TOKEN": "v", "LOG_LEVEL": "DEBUG", "MAX_IN_FLIGHT": "10000",
            "DATABASE_CONNECTIONS": "2", "UNCONFIRMED_TIMEOUT": "1", "FLIGHT_LEASE": "60", "CRASH_AT": "begun:3",
            "JWT_SECRET": TestToken.secret, "API_RATE_LIMIT": "0", "TRIGGER_RATE_LIMIT": "0",
            "UI": "off", "DATABASE_LISTEN_URL": "postgresql://localhost/direct",
            "DATABASE_READ_URL": "postgresql://localhost/replica?prepared_statements=off",
            "DATABASE_READ_MAX_AGE": "30",
        ])
        #expect(configuration.listening?.description == "postgresql://localhost/direct")
        #expect(configuration.replica?.description == "postgresql://localhost/replica")
        #expect(configuration.replica?.preparesStatements == false)
        #expect(configuration.replicaAge == .seconds(30))
        #expect(!configuration.servesDashboard)
        #expect(configuration.tokens != nil && configuration.requestsPerSecond == 0)
        #expect(configuration.eventsPerSecond == 0)
        #expect(configuration.httpHost == "0.0.0.0")
        #expect(configuration.httpPort == 0)
        #expect(configuration.whatsAppURL == "http://localhost:9000/v23.0")
        #expect(configuration.appSecret == "s")
        #expect(configuration.verifyToken == "v")
        #expect(configuration.logLevel == .debug)
        #expect(configuration.maximumInFlight == 10_000)
        #expect(configuration.maximumConnections == 2)
        #expect(configuration.unconfirmedTimeout == .seconds(1))
        #expect(configuration.flightLease == .seconds(60))
    }

    @Test func aLeaseOutlivesTheRequestWhateverItsTimeout() throws {
        #expect(try configuration(["FLIGHT_LEASE": "35"]).flightLease == .seconds(35))
        #expect(try configuration(["REQUEST_TIMEOUT": "7", "FLIGHT_LEASE": "12"]).flightLease == .seconds(12))
        #expect(try configuration(["REQUEST_TIMEOUT": "7"]).flightLease == .seconds(45))
        #expect(try configuration(["REQUEST_TIMEOUT": "60"]).flightLease == .seconds(65))
        #expect(throws: ConfigurationError.self) {
            try configuration(["REQUEST_TIMEOUT": "60", "FLIGHT_LEASE": "64"])
        }
    }

    @Test func emptyIsTheSameAsUnset() throws {
        let configuration = try configuration(["HTTP_PORT": "", "LOG_LEVEL": "", "WHATSAPP_APP_SECRET": ""])
        #expect(configuration.httpPort == 8080)
        #expect(configuration.appSecret == nil)
    }

    @Test(arguments: [
        ("DATABASE_URL", "", "postgresql://"), ("DATABASE_URL", "nonsense=", "postgresql://"),
        ("DATABASE_URL", "postgresql://localhost/x?prepared_statements=no", "on or off"),
        ("DATABASE_LISTEN_URL", "localhost", "postgresql://"), ("DATABASE_READ_URL", "localhost", "postgresql://"),
        ("DATABASE_READ_MAX_AGE", "1", "10"),
        ("REDIS_URL", "", "redis://localhost:6379"), ("REDIS_URL", "http://localhost", "redis://"),
        ("REDIS_PREFIX", "a{b}", "REDIS_PREFIX=staging:"), ("REDIS_PREFIX", "a*", "letters, digits"),
        ("HTTP_PORT", "65536", "8080"), ("HTTP_PORT", "-1", "8080"), ("HTTP_PORT", "eighty", "8080"),
        ("HTTP_PORT", "8080 ", "8080"), ("WHATSAPP_API_URL", "graph.facebook.com", "https://graph.facebook.com/v23.0"),
        ("WHATSAPP_API_URL", "https://", "https://graph.facebook.com/v23.0"), ("LOG_LEVEL", "loud", "warning"),
        ("MAX_IN_FLIGHT", "0", "1024"), ("DATABASE_CONNECTIONS", "1", "8"), ("UNCONFIRMED_TIMEOUT", "0", "900"),
        ("FLIGHT_LEASE", "0", "45"), ("REQUEST_TIMEOUT", "0", "30"),
        ("FLIGHT_LEASE", "34", "at least 35"), ("CRASH_AT", "nowhere", "answerRead"),
        ("CRASH_AT", "begun:0", "answerRead"), ("UI", "yes", "off"),

        ("UNCONFIRMED_TIMEOUT", "604801", "900"),
    ])
    func mistakesNameTheVariableAndShowAnExample(variable: String, value: String, example: String) throws {
        let error = #expect(throws: ConfigurationError.self) { try configuration([variable: value]) }
        let text = try #require(error?.description)
        #expect(text.hasPrefix(variable))
        #expect(text.contains(example), "\(text)")
        #expect(!text.contains("\n"))
        #expect(!text.contains("secret"))
    }

    @Test func tokensComeFromTheEnvironmentOrAFile() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "token-\(UUID().uuidString)")
        try Data(" of-the-file \n".utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }  // Temporary; the system removes it otherwise.
        let resolver = TokenResolver(environment: ["TOKEN": "of-the-environment", "LINE": "EAAG+/=\n"])
        #expect(try resolver.token(for: "env:TOKEN").value == "of-the-environment")
        #expect(try resolver.token(for: "env:LINE").value == "EAAG+/=")
        #expect(try resolver.token(for: "file:\(file.path)").value == "of-the-file")
    }

    @Test(arguments: [
        ("env:MISSING", "MISSING"), ("env:EMPTY", "EMPTY"), ("file:/nowhere/token", "/nowhere/token"),
        ("file:/dev/null", "/dev/null"), ("plain", "use env: or file:"), ("vault:secret", "use env: or file:"),
        ("", "env:"), ("env:TWO", "TWO holds a blank, a line break"), ("env:BREAK", "BREAK holds"),
        ("env:LETTER", "LETTER holds"), ("env:BLANKS", "BLANKS is empty"),
    ])
    func aTokenThatCannotBeHadIsNamedByItsReference(reference: String, expected: String) {
        let resolver = TokenResolver(
            environment: [
                "EMPTY": "", "OTHER": "value", "TWO": "a value", "BREAK": "a\r\nX-Value: value", "LETTER": "välue",
                "BLANKS": " \n",
            ]
        )
        let error = #expect(throws: TokenError.self) { try resolver.token(for: reference) }
        #expect(error?.description.contains(expected) == true)
        #expect(error?.description.contains("value") == false)
    }

    @Test func allKeysOfAGroupShareOneClusterSlot() {
        let lanes = [
            LaneKeys(prefix: "", quotaGroup: "acme/main", sender: UUID()),
            LaneKeys(prefix: "", quotaGroup: "acme/main", sender: UUID()),
        ]
        let keys = lanes.flatMap {
            [$0.epoch, $0.ready, $0.delayed, $0.leases, $0.held, $0.passes, $0.pace, $0.ring]
        }
        #expect(Set(keys.map(RedisClusterSlot.slot(for:))).count == 1)
        #expect(Set(keys).count == 15)
        #expect(keys.allSatisfy { $0.hasPrefix("campaign:send:{acme/main}:") })
    }
}
