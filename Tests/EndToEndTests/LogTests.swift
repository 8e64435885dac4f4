import Foundation
import TestBed
import TestSupport
import Testing

/// The lines that a daemon logs while it sends.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres))
struct LogTests {
    /// Text that only the description of a Swift value has: `Name(field: …`, `Optional(…`, `["…`, `Error Domain=`.
    private static func hasSwiftValue(_ line: Substring) -> Bool {
        line.contains(/[A-Z][A-Za-z]+\([a-z][A-Za-z]*: |Optional\(|\[\\?"|Error Domain=|_nsError/)
    }

    @Test(arguments: ["json", "logfmt"])
    func everyLineCanBeReadAndHasNoSwiftValues(format: String) async throws {
        try await Stage.with(contacts: 3, rate: 80) { stage in
            let stage = stage.with(["LOG_FORMAT": format, "LOG_LEVEL": "debug"])
            let daemon = try await stage.startDaemon()
            try await stage.succeed("campaignd", "send", "hello", "--tenant", "test")
            try await eventually("the messages are reported") {
                let statuses = try await stage.statuses()
                return statuses["delivered", default: 0] + statuses["read", default: 0] == 3
            }
            daemon.signal(SIGTERM)
            let lines = try await daemon.outcome().errors.split(separator: "\n")
            #expect(lines.contains { $0.contains("Campaign launched") })
            for line in lines {
                #expect(!Self.hasSwiftValue(line), "\(line)")
                guard format == "json" else {
                    #expect(
                        line.wholeMatch(
                            of:
                                #/time=\S+ level=[a-z]+ msg=(?:[^\s"=]+|"(?:[^"\\]|\\.)*")(?: [^\s"=]+=(?:[^\s"=]+|"(?:[^"\\]|\\.)*"))*/#
                        ) != nil,
                        "\(line)"
                    )
                    continue
                }
                let fields = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String]
                #expect(fields?["msg"] != nil && fields?["time"] != nil && fields?["level"] != nil, "\(line)")
            }
        }
    }
}
