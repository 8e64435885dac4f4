import Foundation
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Contacts

/// Files as spreadsheets of several locales write them.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct SpreadsheetLocaleTests {
    struct Sheet: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let text: String
        let encoding: String.Encoding
        var mark: [UInt8] = []

        var data: Data { Data(mark) + (text.data(using: encoding) ?? Data()) }
    }

    /// Two people in each: the name of the first has a line break, and that of the second the letters of the language.
    static let sheets = [
        Sheet(
            testDescription: "English, UTF-8",
            text:
                "Phone,Full name,Tags,Opted In,metadata.amount\r\n+254712345678,\"Ann\nLee\",vip|new,TRUE,\"1,234.50\"\r\n"
                + "254 712 345 679,Zoë,,FALSE,12.5\r\n",
            encoding: .utf8
        ),
        Sheet(
            testDescription: "German, Windows-1252",
            text: "Telefon;Name;tags;optedIn;metadata.amount\r\n'254712345678;\"Ann\nLee\";vip|new;WAHR;1.234,50\r\n"
                + "=\"254712345679\";Zoë;;FALSCH;12,5\r\n",
            encoding: .windowsCP1252
        ),
        Sheet(
            testDescription: "French, UTF-8 with mark and sep",
            text:
                "sep=;\r\nTéléphone;Nom;tags;optedIn;metadata.amount\r\n+254 (0) 712 345 678;\"Ann\nLee\";vip|new;VRAI;1 234,50\r\n"
                + "254712345679;Zoë;;FAUX;12,5\r\n",
            encoding: .utf8,
            mark: [0xEF, 0xBB, 0xBF]
        ),
        Sheet(
            testDescription: "Spanish, UTF-16 with tabs",
            text:
                "Teléfono\tNombre\ttags\toptedIn\tmetadata.amount\r\n254712345678\t\"Ann\nLee\"\tvip|new\tVERDADERO\t1.234,50\r\n"
                + "254712345679\tZoë\t\tFALSO\t12,5\r\n",
            encoding: .utf16LittleEndian,
            mark: [0xFF, 0xFE]
        ),
        Sheet(
            testDescription: "Portuguese, UTF-16 big-endian",
            text:
                "Celular;Nome;tags;optedIn;metadata.amount\r\n254712345678;\"Ann\nLee\";vip|new;VERDADEIRO;1.234,50\r\n"
                + "254712345679;Zoë;;FALSO;12,5\r\n",
            encoding: .utf16BigEndian,
            mark: [0xFE, 0xFF]
        ),
        Sheet(
            testDescription: "Russian, UTF-8, lines of old Macs",
            text: "Phone;Name;tags;optedIn;metadata.amount\r254712345678;\"Ann\nLee\";vip|new;ИСТИНА;1\u{00A0}234,50\r"
                + "254712345679;Zoë;;ЛОЖЬ;12,5\r",
            encoding: .utf8
        ),
        Sheet(
            testDescription: "Swiss, thousands with commas",
            text:
                "Phone\tName\ttags\toptedIn\tmetadata.amount\r\n\"254,712,345,678\"\t\"Ann\nLee\"\tvip|new\tyes\t1'234.50\r\n"
                + "254.712.345.679\tZoë\t\tno\t12.5\r\n",
            encoding: .utf8
        ),
    ]

    private static func run(_ data: Data, on pool: PostgresPool) async throws -> ImportReport {
        let file = FileManager.default.temporaryDirectory.appending(path: "contacts-\(UUID().uuidString).csv")
        try data.write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }  // A file left in /tmp is harmless.
        return try await ContactImporter(repository: ContactImportRepository(pool: pool)).run(
            from: .file(file.path),
            tenant: "acme",
            options: ContactImportOptions()
        )
    }

    @Test(arguments: sheets) func theSamePeopleComeOutOfEachFile(sheet: Sheet) async throws {
        try await TestDatabase.with(template: .migrated) { pool in
            let report = try await Self.run(sheet.data, on: pool)
            #expect(report.problems.isEmpty, "\(report.problems)")
            let people: [String] = try await pool.query(
                """
                SELECT concat_ws(' / ', "contactId", name, tags::text, "optedIn") FROM contacts ORDER BY "contactId"
                """
            ).map { try $0.decode(0) }
            #expect(people == ["254712345678 / Ann\nLee / {vip,new} / t", "254712345679 / Zoë / {} / f"])
            // Amounts stay as they are written: 1.234 and 1,234 may mean the same or not.
            let amount = try await pool.query("SELECT metadata ->> 'amount' FROM contacts ORDER BY \"contactId\"")
            #expect(try amount[0].decode(0, as: String.self).contains("234"))
        }
    }

    /// Values that a spreadsheet has spoilt are refused with a remedy.
    @Test(arguments: [
        ("contactId", "2.54712E+11", "rounded by a spreadsheet"),
        ("contactId", "2,54712E+11", "rounded by a spreadsheet"),
        ("contactId", "#NUM!", "is not a phone number"), ("contactId", "#########", "is not a phone number"),
        ("lastSeen", "31.12.2025", "write 2025-01-31"), ("lastSeen", "12/31/2025 8:00", "write 2025-01-31"),
        ("lastSeen", "46022", "write 2025-01-31"), ("lastSeen", "46022.333", "write 2025-01-31"),
        ("messageCount", "1.234", "is not a whole number"), ("messageCount", "1,234", "is not a whole number"),
        ("yearOfBirth", "1990.5", "is not a whole number"), ("optedIn", "#N/A", "is neither true nor false"),
    ])
    func whatASpreadsheetHasSpoiltIsRefused(column: String, value: String, words: String) async throws {
        try await TestDatabase.with(template: .migrated) { pool in
            let header = column == "contactId" ? "contactId" : "contactId,\(column)"
            let row = column == "contactId" ? "\"\(value)\"" : "254712345678,\"\(value)\""
            let report = try await Self.run(Data("\(header)\n\(row)\n".utf8), on: pool)
            #expect(report.problems.count == 1 && report.problems.first?.line == 2)
            #expect(report.problems.first?.column == column)
            #expect(report.problems.first?.message.contains(words) == true, "\(report.problems)")
        }
    }
}
