import Foundation
import Logging
import Settings
import Testing

@testable import CommandKit

/// Lines of the log, which programs read and untrusted text cannot forge.
struct LogLineTests {
    private static let time = Date(timeIntervalSince1970: 1_795_900_000.25)

    private static func line(_ format: LogFormat, _ message: String, _ metadata: Logger.Metadata) -> String {
        format.line(time, .warning, message, "Runtime", metadata)
    }

    @Test(arguments: [
        ("acme", "acme"), ("http://127.0.0.1:8080/x?y", "http://127.0.0.1:8080/x?y"), ("é😀", "é😀"), ("", #""""#),
        ("spring offer", #""spring offer""#), (#"a="b" \"#, #""a=\"b\" \\""#), ("a=b", #""a=b""#),
        ("a\nlevel=error msg=forged", #""a\nlevel=error msg=forged""#), ("a\r\tb", #""a\r\tb""#),
        ("\u{1B}[31mred\u{7}", #""\u001b[31mred\u0007""#), ("a\u{2028}b\u{85}", #""a\u2028b\u0085""#),
        ("\u{202E}txt", #""\u202etxt""#), ("\u{E0001}", #""\udb40\udc01""#),
    ])
    func aValueIsQuotedWhereItNeedsIt(text: String, expected: String) throws {
        let line = Self.line(.logfmt, "Lane waits", ["reason": "\(text)"])
        let head = #"time=2026-11-28T21:06:40.250Z level=warning msg="Lane waits" source=Runtime reason="#
        #expect(line == head + expected)
        let json = try JSONDecoder().decode(
            [String: String].self,
            from: Data(Self.line(.json, "Lane waits", ["reason": "\(text)"]).utf8)
        )
        #expect(json["reason"] == text && json["msg"] == "Lane waits" && json["level"] == "warning")
    }

    @Test func listsAndGroupsAreNoSwiftValues() {
        let metadata: Logger.Metadata = [
            "ids": ["a", "b c"], "counts": ["sent": "1", "read": "2"], "level": "x", "bad key=": "y",
        ]
        #expect(
            Self.line(.logfmt, "m", metadata).hasSuffix(
                #"msg=m source=Runtime bad_key_=y counts.read=2 counts.sent=1 ids="a, b c" level_=x"#
            )
        )
        #expect(
            Self.line(.json, "m", metadata).hasSuffix(
                #""source":"Runtime","bad key=":"y","counts":{"read":"2","sent":"1"},"ids":["a","b c"],"level_":"x"}"#
            )
        )
    }

    @Test func theJournalGetsPriorities() {
        var status = stat()
        #expect(fstat(STDERR_FILENO, &status) == 0)
        #expect(LineLogHandler.isJournal(["JOURNAL_STREAM": "\(status.st_dev):\(status.st_ino)"]))
        // A process that inherits the variable and writes elsewhere is not read by the journal.
        #expect(!LineLogHandler.isJournal(["JOURNAL_STREAM": "1:1"]) && !LineLogHandler.isJournal([:]))
        let levels = Logger.Level.allCases.map { level in
            let event = LogEvent(
                level: level,
                message: "m",
                metadata: nil,
                source: "s",
                file: "f",
                function: "f",
                line: 1
            )
            return LineLogHandler(logLevel: .trace, format: .logfmt, hasPriorities: true).line(event, at: Self.time)
                .prefix(3)
        }
        #expect(levels == ["<7>", "<7>", "<6>", "<5>", "<4>", "<3>", "<2>"])
    }

    @Test func theFormatIsAVariable() throws {
        #expect(try LogFormat(Variables([:])) == .logfmt)
        #expect(try LogFormat(Variables(["LOG_FORMAT": "JSON"])) == .json)
        #expect(throws: ConfigurationError.self) { try LogFormat(Variables(["LOG_FORMAT": "xml"])) }
    }

    private enum Plain: Error {
        case secret(password: String)
        case bare
    }
    private struct Holder: Error { let password = "hush" }

    @Test func errorsOfOthersShowNoSwiftValues() {
        #expect(ErrorText.of(CancellationError()) == "cancelled")
        #expect(ErrorText.of(ConfigurationError.missing("A", example: "b")) == "A is not set; example: A=b")
        #expect(ErrorText.of(Plain.secret(password: "hush")) == "secret (Plain)")
        #expect(ErrorText.of(Plain.bare) == "bare (Plain)")
        #expect(ErrorText.of(Holder()) == "error of type Holder")
        do {
            _ = try Data(contentsOf: URL(filePath: "/nowhere/at/all"))
            Issue.record("the file exists")
        } catch {
            let text = ErrorText.of(error)
            #expect(!text.contains("Domain") && !text.contains("CocoaError") && !text.isEmpty, "\(text)")
        }
    }
}
