/// Brings telephone numbers to one form, wherever they come in: the international one, digits without a plus sign.
///
/// Takes the spellings that people and spreadsheets use: `+254 700-000 017`, `00254700000017`, `+254 (0) 700 000 017`,
/// `tel:+254700000017`, digits of other scripts, and invisible marks around the number. A national number, such as
/// `0700 000 017`, needs a country.
public struct PhoneNumberReader: Sendable {
    /// The longest number of E.164, with its country calling code.
    public static let longest = 15

    /// A number in its one form.
    public struct Number: Hashable, Sendable {
        /// The international number without a plus sign.
        public let digits: String
        /// The oddity of a number that is taken all the same; `nil` if it has none.
        public let warning: String?
    }

    /// The reason why a text is not a number, and what to do about it.
    public struct Problem: Error, Hashable, Sendable, CustomStringConvertible {
        public let description: String
    }

    private let home: CallingCode?

    /// Makes a reader.
    ///
    /// - Parameter country: The country of national numbers; without one they are refused.
    public init(country: CallingCode? = nil) {
        home = country
    }

    /// Reads a number.
    ///
    /// - Parameter text: A number in one of the usual spellings.
    /// - Returns: The number in its one form.
    /// - Throws: ``Problem``, in words that follow the text: "is not a phone number …".
    public func read(_ text: String) throws(Problem) -> Number {
        var digits: [UInt8] = []
        var text = text[...]
        var isInternational = false
        Self.trim(&text)
        for scheme in ["tel:", "whatsapp:"] where text.lowercased().hasPrefix(scheme) {
            text = text.dropFirst(scheme.count)
        }
        guard !text.isEmpty else { throw Problem(description: "is empty; each row needs a phone number") }
        if Self.isRounded(text) {
            throw Problem(
                description:
                    "was rounded by a spreadsheet: its last digits are lost; format the column as text and export it"
                    + " again"
            )
        }
        // Programs that take the number for a fraction write 254700000017.0 or, with two places, +254700000017.00
        for fraction in [".0", ".00"] where text.hasSuffix(fraction) {
            let whole = text.dropLast(fraction.count)
            if whole.count > 6, whole.drop(while: { $0 == "+" || $0 == "＋" }).allSatisfy(\.isNumber) { text = whole }
        }
        let hasThousands = Self.hasThousands(text)
        for character in text where !(hasThousands && character == ",") {
            if let digit = character.wholeNumberValue, (0...9).contains(digit) {
                digits.append(UInt8(ascii: "0") + UInt8(digit))
            } else if character == "+" || character == "＋", digits.isEmpty, !isInternational {
                isInternational = true
            } else if !Self.isSeparator(character) {
                throw Problem(description: "is not a phone number such as +254712345678")
            }
        }
        let hasOptionalZero = text.contains("(0)")
        if !isInternational, digits.starts(with: "00".utf8) {
            isInternational = true
            digits.removeFirst(2)
        }
        return try number(digits, isInternational: isInternational, hasOptionalZero: hasOptionalZero)
    }

    /// Reads a number from UTF-8, faster than ``read(_:)`` if it has only digits and perhaps a plus sign.
    ///
    /// - Throws: ``Problem``
    public func read(utf8 text: ArraySlice<UInt8>) throws(Problem) -> Number {
        let digits = text.first == UInt8(ascii: "+") ? text.dropFirst() : text
        guard let first = digits.first, first != UInt8(ascii: "0"), digits.allSatisfy({ (0x30...0x39).contains($0) })
        else {
            return try read(String(decoding: text, as: UTF8.self))
        }
        return try number(Array(digits), isInternational: digits.count < text.count, hasOptionalZero: false)
    }

    /// Reads the id of a contact: a number in any of the usual spellings, or an id that is no number, which stays as it is.
    ///
    /// - Throws: ``Problem`` for a number that is wrong, and for an id that is too long.
    public func readID(_ text: String) throws(Problem) -> String {
        do {
            return try read(text).digits
        } catch {
            let isNumber = text.allSatisfy { $0.isNumber || $0 == "+" || Self.isSeparator($0) }
            guard !isNumber else { throw error }
            guard (1...ContactRules.longestID).contains(text.unicodeScalars.count), !text.utf8.contains(0) else {
                throw Problem(
                    description: "is not the id of a contact, which has 1 to \(ContactRules.longestID) characters"
                )
            }
            return text
        }
    }

    private func number(
        _ digits: [UInt8],
        isInternational: Bool,
        hasOptionalZero: Bool
    ) throws(Problem) -> Number {
        guard digits.count >= 4 else {
            throw Problem(description: "has \(digits.count) digits, which is too short for a phone number")
        }
        if let home, !isInternational, let national = Self.national(digits, of: home) { return national }
        guard digits[0] != UInt8(ascii: "0") else {
            throw Problem(
                description: "has no country code; write it as +254712345678, or name the country of such numbers"
                    + " (`--country KE`, or `country` of the tenant)"
            )
        }
        guard let code = CallingCode.leading(digits[...]) else {
            throw Problem(description: "begins with no known country code; write it as +254712345678")
        }
        var rest = digits.dropFirst(code.width)
        if rest.first == UInt8(ascii: "0"), !code.keepsZero {
            // +254 (0) 700 000 017 says that the zero is dialled only within the country.
            guard hasOptionalZero else {
                throw Problem(
                    description:
                        "has a 0 after the country code \(code.code), which is dialled only within the country;"
                        + " leave it out"
                )
            }
            rest = rest.dropFirst()
        }
        return try Self.checked(Array(digits.prefix(code.width)) + rest, national: rest.count, of: code)
    }

    /// Reads digits without a plus sign as a number of one country: an international one, or a national one.
    ///
    /// Without its trunk prefix a national number cannot always be told from an international one of another country. Then a
    /// mobile number of the country comes first, an international number of another country next, and any other last.
    private static func national(_ digits: [UInt8], of home: CallingCode) -> Number? {
        let code = Array(String(home.code).utf8)
        func isNational(_ rest: ArraySlice<UInt8>, _ lengths: Set<Int>) -> Bool {
            lengths.contains(rest.count) && (home.keepsZero || rest.first != UInt8(ascii: "0"))
        }
        if digits.starts(with: code), isNational(digits.dropFirst(code.count), home.lengths) {
            return Number(digits: String(decoding: digits, as: UTF8.self), warning: nil)
        }
        var rest = digits[...]
        let hasTrunkPrefix = !home.trunkPrefix.isEmpty && rest.starts(with: home.trunkPrefix)
        if hasTrunkPrefix {
            rest = rest.dropFirst(home.trunkPrefix.count)
            // Belarus dials 8 and then 0.
            if rest.first == UInt8(ascii: "0"), !home.keepsZero { rest = rest.dropFirst() }
        }
        let isForeign = !hasTrunkPrefix && !isNational(rest, home.mobileLengths) && isInternational(digits)
        guard !isForeign, isNational(rest, home.lengths) else { return nil }
        return Number(digits: String(decoding: code + rest, as: UTF8.self), warning: nil)
    }

    /// Returns true if the digits are a country code and a number of that country, which seldom has fewer than ten in all.
    private static func isInternational(_ digits: [UInt8]) -> Bool {
        guard digits.count >= 10, let code = CallingCode.leading(digits[...]) else { return false }
        let rest = digits.dropFirst(code.width)
        return code.lengths.contains(rest.count) && (code.keepsZero || rest.first != UInt8(ascii: "0"))
    }

    private static func checked(_ digits: [UInt8], national: Int, of code: CallingCode) throws(Problem) -> Number {
        let place = code.countries.first.map { " (\($0))" } ?? ""
        guard digits.count <= longest else {
            throw Problem(description: "has \(digits.count) digits; a phone number has at most \(longest)")
        }
        if let shortest = code.lengths.min(), let longest = code.lengths.max(), !(shortest...longest).contains(national)
        {
            throw Problem(
                description:
                    "is too \(national < shortest ? "short" : "long"): \(national) digits after the country code"
                    + " \(code.code)\(place), where numbers have \(lengths(of: code))"
            )
        }
        let text = String(decoding: digits, as: UTF8.self)
        guard !code.lengths.contains(national) else { return Number(digits: text, warning: nil) }
        return Number(
            digits: text,
            warning: "has \(national) digits after the country code \(code.code)\(place), where numbers have"
                + " \(lengths(of: code))"
        )
    }

    private static func lengths(of code: CallingCode) -> String {
        let lengths = code.lengths.sorted().map(String.init)
        guard let last = lengths.last, lengths.count > 1 else { return lengths.first ?? "" }
        return lengths.dropLast().joined(separator: ", ") + " or " + last
    }

    /// Removes blanks, invisible marks, and the signs by which spreadsheets mark a text: `'254…` and `="254…"`.
    private static func trim(_ text: inout Substring) {
        func isOutside(_ character: Character) -> Bool {
            character.isWhitespace || character == "'" || character == "\"" || character == "="
                || isInvisible(character)
        }
        while let first = text.first, isOutside(first) { text = text.dropFirst() }
        while let last = text.last, isOutside(last) { text = text.dropLast() }
    }

    /// Returns true for 2.547E+11, in which only the first digits are known.
    private static func isRounded(_ text: Substring) -> Bool {
        guard let e = text.firstIndex(where: { $0 == "E" || $0 == "e" }) else { return false }
        let exponent = text[text.index(after: e)...]
        return text[..<e].allSatisfy { $0.isNumber || $0 == "." || $0 == "," } && text[..<e].contains(where: \.isNumber)
            && (exponent.first == "+" || exponent.first?.isNumber == true)
            && exponent.dropFirst().allSatisfy(\.isNumber)
    }

    /// Returns true for `254,712,345,678`, as a spreadsheet shows a number that it takes for an amount.
    private static func hasThousands(_ text: Substring) -> Bool {
        let groups = text.split(separator: ",", omittingEmptySubsequences: false)
        return groups.count > 2 && (1...3).contains(groups[0].count) && groups.dropFirst().allSatisfy { $0.count == 3 }
            && groups.joined().allSatisfy(\.isNumber)
    }

    private static func isSeparator(_ character: Character) -> Bool {
        character.isWhitespace || isInvisible(character) || "-‐‑‒–—−.()[]/".contains(character)
    }

    /// Returns true for marks of writing direction, joiners, soft hyphens and byte order marks.
    private static func isInvisible(_ character: Character) -> Bool {
        character.unicodeScalars.allSatisfy { $0.properties.generalCategory == .format }
    }
}

/// The numbers under which WhatsApp may speak of one person.
///
/// WhatsApp rewrites numbers of some countries: it leaves out the ninth digit of Brazilian mobile numbers, and has or has
/// not the 1 after Mexico's code and the 9 after Argentina's.
public enum PhoneNumberAliases {
    /// Returns the number and its other forms, the number first.
    ///
    /// - Parameter digits: An international number without a plus sign.
    /// - Returns: One to two numbers.
    public static func of(_ digits: String) -> [String] {
        let all = Array(digits.utf8)
        guard all.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return [digits] }
        func text(_ parts: ArraySlice<UInt8>...) -> String { String(decoding: parts.joined(), as: UTF8.self) }
        let one = ArraySlice("1".utf8), nine = ArraySlice("9".utf8)
        switch all.prefix(2) {
        // Brazil: area code of two digits, and mobile numbers of eight digits that begin with 6 to 9, with a 9 before them.
        case ArraySlice("55".utf8) where all.count == 13 && all[4] == nine[0] && all[5] >= UInt8(ascii: "6"):
            return [digits, text(all[..<4], all[5...])]
        case ArraySlice("55".utf8) where all.count == 12 && all[4] >= UInt8(ascii: "6"):
            return [digits, text(all[..<4], nine, all[4...])]
        // Mexico: ten digits, with a 1 before those of mobile numbers until 2019.
        case ArraySlice("52".utf8) where all.count == 13 && all[2] == one[0]:
            return [digits, text(all[..<2], all[3...])]
        case ArraySlice("52".utf8) where all.count == 12:
            return [digits, text(all[..<2], one, all[2...])]
        // Argentina: ten digits, with a 9 before those of mobile numbers.
        case ArraySlice("54".utf8) where all.count == 13 && all[2] == nine[0]:
            return [digits, text(all[..<2], all[3...])]
        case ArraySlice("54".utf8) where all.count == 12:
            return [digits, text(all[..<2], nine, all[2...])]
        default:
            return [digits]
        }
    }
}

/// The ids that WhatsApp gives people whose number may be hidden, unique for each business portfolio: `KE.40512998877`.
public enum UserID {
    /// Returns true for a country code, a dot, and letters, digits and dots.
    public static func isUserID(_ text: some Collection<UInt8>) -> Bool {
        let rest = text.dropFirst(3)
        return !rest.isEmpty && text.prefix(2).allSatisfy(isCapital) && text.dropFirst(2).first == UInt8(ascii: ".")
            && rest.allSatisfy { isCapital($0) || isCapital($0 & 0xDF) || (0x30...0x39).contains($0) || $0 == 0x2E }
    }

    private static func isCapital(_ byte: UInt8) -> Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) }
}
