import Testing

@testable import CommandKit

/// Untrusted text cannot write a line of the log.
struct LogStreamTests {
    @Test(arguments: [
        ("campaign=spring offer é 😀 [Runtime] Run completed", "campaign=spring offer é 😀 [Runtime] Run completed"),
        ("campaign=a\n2026-11-27 error forged", #"campaign=a\n2026-11-27 error forged"#), ("a\r\nb", #"a\r\nb"#),
        ("\u{1B}[31mred\u{7}", #"\u{1B}[31mred\u{07}"#), ("a\u{2028}b\u{2029}\u{85}", #"a\u{2028}b\u{2029}\u{0085}"#),
        ("\u{202E}txt", #"\u{202E}txt"#), ("", ""),
    ])
    func anEventIsOneLine(text: String, line: String) {
        #expect(LogStream.line(text) == line)
    }
}
