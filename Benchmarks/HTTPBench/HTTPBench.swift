import Crypto
import Foundation
import Logging
import Postgres
import Store

/// What `Scripts/bench http` needs beside wrk: something to be asked about, and a table of the answers.
///
///     HTTPBench prepare FOLDER     fills the database at DATABASE_URL, writes signed webhooks into the folder
///     HTTPBench table FILE         prints the measurements of a file, a JSON object on each line
@main
enum HTTPBench {
    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst()
        switch (arguments.first, arguments.dropFirst().first) {
        case ("prepare", let folder?): try await Preparation(folder: URL(filePath: folder)).run()
        case ("table", let file?): print(try MeasurementTable(contentsOf: URL(filePath: file)).text)
        default:
            FileHandle.standardError.write(Data("usage: HTTPBench prepare FOLDER | table FILE\n".utf8))
            exit(64)
        }
    }
}
