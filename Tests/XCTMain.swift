import Testing

/// Runs the tests, in place of the file that SwiftPM would generate.
///
/// That file lists tests of XCTest, of which there are none here, and needs an index of all sources for it. Without it
/// a build for tests needs no index, which saves a seventh of the time.
@main
struct TestRunner {
    static func main() async {
        // `swift test` asks for the tests of both libraries.
        if CommandLine.arguments.contains("swift-testing") { await Testing.__swiftPMEntryPoint() as Never }
        if CommandLine.arguments.contains("--dump-tests-json") { print(#"{"name": "All tests", "tests": []}"#) }
    }
}
