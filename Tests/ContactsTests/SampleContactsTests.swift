import Foundation
import Testing

@testable import Contacts

struct SampleContactsTests {
    private let now = Date(timeIntervalSince1970: 1_780_000_000)

    @Test func theSameSeedGivesTheSameContacts() {
        let lines = Array(SampleContacts(count: 500, seed: 7, now: now))
        #expect(lines == Array(SampleContacts(count: 500, seed: 7, now: now)))
        #expect(lines != Array(SampleContacts(count: 500, seed: 8, now: now)))
        #expect(lines.count == 501)
    }

    @Test func hasTheDocumentedSharesAndUniquePhones() throws {
        let text = SampleContacts(count: 20_000, seed: 1, now: now).map { $0 + "\n" }.joined()
        let rows = CSVReaderTests.read(Array(text.utf8)).records
        let header = try #require(rows.first)
        func column(_ name: String) throws -> [String] {
            let index = try #require(header.firstIndex(of: name))
            return rows.dropFirst().map { $0[index] }
        }
        let phones = try column("contactId")
        #expect(Set(phones).count == 20_000)
        #expect(phones.allSatisfy { $0.hasPrefix("2547") && $0.count == 12 })
        #expect((100...300).contains(try column("name").count { $0.isEmpty }))
        #expect((300...500).contains(try column("optedIn").count { $0 == "false" }))
        let cutoff = now.addingTimeInterval(-86_400).formatted(.iso8601)
        #expect((7_600...8_400).contains(try column("lastSeen").count { $0 > cutoff }))
        #expect(Set(try column("paymentStatus")) == ["paid", "unpaid"])
    }

    @Test(arguments: [
        (ImportProgress(bytesRead: 50, totalBytes: 100, rows: 1234), "reading [####---------------] 25.0 % 1,234 rows"),
        (ImportProgress(rows: 1234, merged: 5, staged: 10), "merging [#################------] 75.0 % 5 rows"),
        (ImportProgress(rows: 7), "reading 7 rows"),
        (ImportProgress(staged: 0), "merging [#######################] 100.0 % 0 rows"),
    ])
    func showsReadingAndMergingInTheBar(progress: ImportProgress, line: String) {
        let shown = ImportProgressBar(width: 50).line(progress)
        #expect(shown.count == 50)
        #expect(shown.split(separator: " ").joined(separator: " ") == line)
    }
}
