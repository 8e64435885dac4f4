import Spec
import Testing

/// Mobile numbers of many countries in the spellings of people, spreadsheets and other programs.
struct NumberSpellingTests {
    struct Country: Sendable, CustomTestStringConvertible {
        let name: String
        let code: String
        /// The number after the country code.
        let number: String
        /// The number as it is dialled within the country.
        let national: String
        /// True if a zero in parentheses may stand before the number.
        var hasOptionalZero = true
        var testDescription: String { name }
    }

    static let countries = [
        Country(name: "KE", code: "254", number: "712345678", national: "0712345678"),
        Country(name: "NG", code: "234", number: "8031234567", national: "08031234567"),
        Country(name: "ZA", code: "27", number: "821234567", national: "0821234567"),
        Country(name: "EG", code: "20", number: "1001234567", national: "01001234567"),
        Country(name: "GH", code: "233", number: "241234567", national: "0241234567"),
        Country(name: "TZ", code: "255", number: "754123456", national: "0754123456"),
        Country(name: "UG", code: "256", number: "772123456", national: "0772123456"),
        Country(name: "CI", code: "225", number: "0707123456", national: "0707123456", hasOptionalZero: false),
        Country(name: "GB", code: "44", number: "7911123456", national: "07911123456"),
        Country(name: "DE", code: "49", number: "15112345678", national: "015112345678"),
        Country(name: "FR", code: "33", number: "612345678", national: "0612345678"),
        Country(name: "IT", code: "39", number: "3471234567", national: "3471234567", hasOptionalZero: false),
        Country(name: "ES", code: "34", number: "612345678", national: "612345678"),
        Country(name: "PL", code: "48", number: "512345678", national: "512345678"),
        Country(name: "TR", code: "90", number: "5321234567", national: "05321234567"),
        Country(name: "UA", code: "380", number: "501234567", national: "0501234567"),
        Country(name: "US", code: "1", number: "2125550123", national: "(212) 555-0123"),
        Country(name: "BR", code: "55", number: "11987654321", national: "(11) 98765-4321"),
        Country(name: "IN", code: "91", number: "9876543210", national: "09876543210"),
        Country(name: "ID", code: "62", number: "81234567890", national: "081234567890"),
        Country(name: "PK", code: "92", number: "3012345678", national: "03012345678"),
        Country(name: "SA", code: "966", number: "512345678", national: "0512345678"),
    ]

    private static func spellings(_ country: Country) -> [String] {
        let (code, number) = (country.code, country.number)
        let (head, tail) = (number.prefix(3), number.dropFirst(3))
        func digits(from first: UInt32) -> String {
            String(
                String.UnicodeScalarView(
                    (code + number).unicodeScalars.compactMap { Unicode.Scalar(first + $0.value - 0x30) }
                )
            )
        }
        // Thousands separators of a spreadsheet that takes the number for an amount.
        func thousands(_ separator: String) -> String {
            var text = ""
            for (index, digit) in (code + number).reversed().enumerated() {
                if index > 0, index.isMultiple(of: 3) { text = separator + text }
                text = String(digit) + text
            }
            return text
        }
        return [
            code + number, "+\(code)\(number)", "00\(code)\(number)", "+\(code) \(number)", "+\(code)-\(head)-\(tail)",
            "+\(code).\(head).\(tail)", "(+\(code)) \(head) \(tail)", "+\(code) (\(head)) \(tail)",
            "+ \(code) \(head) \(tail)",
            "tel:+\(code)\(number)", "TEL:+\(code)-\(head)-\(tail)", "whatsapp:+\(code)\(number)", "'\(code)\(number)",
            "'+\(code)\(number)", "=\"\(code)\(number)\"", "=\"+\(code)\(number)\"", "\"+\(code)\(number)\"",
            "\(code)\(number).0",
            "+\(code)\(number).0",
            "+\(code)\u{00A0}\(head)\u{00A0}\(tail)", "+\(code)\u{202F}\(head)\u{2009}\(tail)",
            "+\(code)\u{2011}\(head)\u{2013}\(tail)",
            "\u{200E}+\(code)\(number)\u{200E}", "\u{202A}+\(code) \(head) \(tail)\u{202C}",
            "\u{2066}+\(code)\(number)\u{2069}",
            "\u{FEFF}+\(code)\(number)", "\u{200B}\(code)\(number)\u{200B}", "＋\(digits(from: 0xFF10))",
            digits(from: 0x660),
            digits(from: 0x6F0), digits(from: 0x966), "  \(code)\(number)\t", "00 \(code) \(head)/\(tail)",
            thousands(" "), thousands("."),
            thousands(","),
        ]
            + (country.hasOptionalZero
                ? ["+\(code) (0) \(head) \(tail)", "+\(code)(0)\(number)", "00\(code) (0)\(number)"] : [])
    }

    @Test(arguments: countries) func allSpellingsAreOneNumber(country: Country) throws {
        for home in [nil, CallingCode.of(country: country.name), CallingCode.of(country: "KE")] {
            for text in Self.spellings(country) {
                do {
                    let number = try PhoneNumberReader(country: home).read(text)
                    #expect(number.digits == country.code + country.number, "\(text.debugDescription)")
                    #expect(number.warning == nil, "\(text.debugDescription)")
                } catch {
                    Issue.record("\(text.debugDescription): \(error)")
                }
            }
        }
        let national = try PhoneNumberReader(country: CallingCode.of(country: country.name)).read(country.national)
        #expect(national.digits == country.code + country.number)
    }

    /// A comma between two numbers, or a decimal one, is no thousands separator.
    @Test(arguments: [
        "254712345678,254712345679", "0712345678,0722345678", "254712345678,00", "254,7123,45678", "2547,123,456,78",
        ",254,712,345,678",
        "254,712,345,678,",
    ])
    func aCommaElsewhereIsRefused(text: String) {
        #expect(throws: PhoneNumberReader.Problem.self) { try PhoneNumberReader().read(text) }
    }
}
