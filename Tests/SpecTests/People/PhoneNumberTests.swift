import Foundation
import Spec
import Testing

struct PhoneNumberTests {
    private static func read(_ text: String, _ country: String? = nil) throws -> PhoneNumberReader.Number {
        try PhoneNumberReader(country: country.flatMap(CallingCode.of(country:))).read(text)
    }

    @Test(arguments: [
        "254700000017", "+254700000017", "00254700000017", "+254 700 000 017", "+254-700-000-017", "+254.700.000.017",
        "(+254) 700000017", "+254 (0) 700 000 017", "+254(0)700000017", " 254700000017 ", "\u{FEFF}254700000017",
        "\u{202A}+254\u{00A0}700\u{2011}000\u{2011}017\u{202C}", "tel:+254700000017", "whatsapp:+254700000017",
        "'254700000017", "=\"254700000017\"", "254700000017.0", "+254700000017.0", "254700000017.00", "٢٥٤٧٠٠٠٠٠٠١٧",
        "＋２５４７００００００１７",
        "+254/700/000017", "00 254 700 000 017", "+254\t700 000 017", "+ 254 700000017",
    ])
    func bringsSpellingsToOneForm(_ text: String) throws {
        let number = try Self.read(text)
        #expect(number.digits == "254700000017")
        #expect(number.warning == nil)
        #expect(try Self.read(text, "KE") == number)
        #expect(try Self.read(text, "DE") == number)
    }

    @Test(arguments: [
        ("0700 000 017", "KE", "254700000017"), ("700000017", "KE", "254700000017"),
        ("0171 2345678", "DE", "491712345678"),
        ("(11) 98765-4321", "BR", "5511987654321"), ("011 98765-4321", "BR", "5511987654321"),
        ("55 98765-4321", "BR", "5555987654321"), ("9198765432", "IN", "919198765432"),
        ("07400 123456", "GB", "447400123456"),
        ("8 912 345-67-89", "RU", "79123456789"), ("06 20 123 4567", "HU", "36201234567"),
        ("(212) 555-0123", "US", "12125550123"),
        ("1 212 555 0123", "US", "12125550123"), ("612 34 56 78", "ES", "34612345678"),
        ("0102030405", "CI", "2250102030405"),
        ("347 123 4567", "IT", "393471234567"), ("06 1234 5678", "IT", "390612345678"),
        ("0612345678", "ma", "212612345678"),
    ])
    func readsNationalNumbersOfACountry(_ text: String, _ country: String, _ digits: String) throws {
        #expect(try Self.read(text, country).digits == digits)
    }

    @Test(arguments: [
        ("0700000017", "has no country code; write it as +254712345678, or name the country"),
        ("+2540700000019", "has a 0 after the country code 254"),
        ("2540700000019", "has a 0 after the country code 254"),
        ("+25470001", "is too short"),
        ("+254700000000171", "is too long: 12 digits after the country code 254 (KE)"),
        ("+49171234567890123", "has 17 digits; a phone number has at most 15"),
        ("+999123456789", "no known country code"),
        ("+210123456789", "no known country code"), ("12", "too short"), ("", "is empty"), ("   ", "is empty"),
        ("hello", "is not a phone number"), ("+254700000017 ext 3", "is not a phone number"),
        ("254700000017,254700000018", "is not a phone number"), ("2.547E+11", "rounded by a spreadsheet"),
        ("2,547E+11", "rounded by a spreadsheet"), ("2.547e11", "rounded by a spreadsheet"), ("+-", "too short"),
        ("254+700000017", "is not a phone number"), ("++254700000017", "is not a phone number"),
        ("0000000000", "has no country code"),
    ])
    func refusesWhatCannotBeANumber(_ text: String, _ words: String) {
        #expect {
            try Self.read(text)
        } throws: { error in
            "\(error)".contains(words)
        }
    }

    @Test func aLengthThatTheTableDoesNotKnowIsTakenWithAWarning() throws {
        // Kenya has 7 to 10 digits, Cuba 6 to 8 or 10.
        let number = try Self.read("+53123456789")
        #expect(number.digits == "53123456789")
        #expect(number.warning?.contains("9 digits after the country code 53 (CU)") == true)
    }

    @Test func theTableKnowsEachCountryOnce() {
        #expect(CallingCode.countries.count > 230)
        for country in CallingCode.countries {
            #expect(CallingCode.of(country: country.lowercased())?.countries.contains(country) == true)
        }
        #expect(CallingCode.of(country: "KE")?.code == 254)
        #expect(CallingCode.of(country: "CA")?.code == 1)
        #expect(CallingCode.of(country: "XX") == nil)
    }

    @Test(arguments: [
        ("5511987654321", ["5511987654321", "551187654321"]), ("551187654321", ["551187654321", "5511987654321"]),
        // A fixed line of Brazil has no ninth digit.
        ("551132654321", ["551132654321"]), ("5215512345678", ["5215512345678", "525512345678"]),
        ("525512345678", ["525512345678", "5215512345678"]), ("5491123456789", ["5491123456789", "541123456789"]),
        ("541123456789", ["541123456789", "5491123456789"]), ("254700000017", ["254700000017"]), ("", [""]),
        ("US.13", ["US.13"]),
    ])
    func knowsTheFormsInWhichWhatsAppRewritesNumbers(_ digits: String, _ forms: [String]) {
        #expect(PhoneNumberAliases.of(digits) == forms)
    }

    /// The folder of the Python library phonenumbers, which `Scripts/test` installs.
    private static let library = ProcessInfo.processInfo.environment["PHONENUMBERS"]
    private static let isRequired = ProcessInfo.processInfo.environment["CAMPAIGNS_REQUIRE_SERVICES"] != nil

    @Test(.enabled(if: library != nil || isRequired, "phonenumbers is not installed"))
    func agreesWithPhonenumbersOverAllCountries() throws {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "phone_numbers.py"
        )
        process.arguments = ["python3", script.path]
        process.environment = ProcessInfo.processInfo.environment.merging(
            ["PYTHONPATH": try #require(Self.library), "PYTHONIOENCODING": "utf-8"]
        ) { _, new in new }
        process.standardOutput = output
        try process.run()
        let lines = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self).split(
            separator: "\n"
        )
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        var differences: [String] = []
        var (taken, refused) = (0, 0)
        for line in lines {
            let parts = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            let reader = PhoneNumberReader(country: CallingCode.of(country: parts[0]))
            let read = try? reader.read(parts[1])
            if parts[2].isEmpty { refused += 1 } else { taken += 1 }
            if (read?.digits ?? "") != parts[2] { differences.append("\(line) but \(read?.digits ?? "refused")") }
        }
        #expect(taken > 1_500 && refused > 5_000)
        #expect(differences.isEmpty, "\(differences.prefix(30).joined(separator: "\n"))")
    }
}
