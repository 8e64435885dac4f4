import JSON

/// The market of each calling code from one day on.
///
/// Most codes are in one market. Those of several have longer entries: `1809`, `77`.
public struct MarketMap: Hashable, Sendable {
    /// The first day, such as `2026-10-01`.
    public let from: String
    /// The markets by the digits with which numbers begin.
    public let codes: [String: String]

    /// The most digits of an entry.
    static let width = 4

    /// Makes a map.
    public init(from: String, codes: [String: String]) { (self.from, self.codes) = (from, codes) }

    /// Returns the market of a number by its beginning, which has at least four digits after a 1 and three after another digit,
    /// or by the country of a user id: `254`, `1809`, `KE.`; what is in no market is in `Other`.
    public func market(of beginning: String) -> String {
        let digits =
            beginning.first?.isLetter ?? false ? Self.digits(ofCountry: String(beginning.prefix(2))) : beginning
        for length in stride(from: min(digits.utf8.count, Self.width), to: 0, by: -1) {
            if let market = codes[String(digits.prefix(length))] { return market }
        }
        return MarketName.other
    }

    /// Returns the digits with which the numbers of a country begin; empty if it is not known.
    private static func digits(ofCountry country: String) -> String {
        if let own = countries[country.uppercased()] { return own }
        // Countries that share the code 1 and are not named here are in no market of their own.
        guard let code = CallingCode.of(country: country)?.code, code != 1 else { return "" }
        return String(code)
    }

    private static let countries = [
        "US": "1", "CA": "1", "DO": "1809", "JM": "1876", "PR": "1787", "KZ": "77", "RU": "7",
    ]

    /// The map as JSON.
    var json: JSONValue { ["from": .string(from), "codes": .object(codes.mapValues(JSONValue.string))] }

    init?(json: JSONValue) {
        guard let from = json["from"]?.stringValue, let codes = json["codes"]?.objectValue else { return nil }
        self.init(from: from, codes: codes.compactMapValues(\.stringValue))
    }
}

extension MarketMap {
    /// The maps that hold where no file says otherwise, after the list of markets on Meta's pages on pricing: 38 markets in July 2026,
    /// and nine more from October 2026.
    ///
    /// Before October eight of the nine are taken to be in the group of their region, and Kazakhstan, which no group names, in
    /// `Other`. Areas of the code 1 outside of the United States and Canada are in `Other`, unless a group names them.
    public static let known = [
        MarketMap(from: "2025-07-01", codes: codes(july)), MarketMap(from: "2026-10-01", codes: codes(july + october)),
    ]

    /// Returns the built-in map of a day.
    static func builtIn(on day: String) -> MarketMap { known.last { $0.from <= day } ?? known[0] }

    /// Reads lines of a market and its codes; later lines win.
    private static func codes(_ text: String) -> [String: String] {
        var codes: [String: String] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            for code in parts[1].split(separator: " ") { codes[String(code)] = String(parts[0]) }
        }
        return codes
    }

    private static let july = """
        Argentina: 54
        Brazil: 55
        Chile: 56
        Colombia: 57
        Egypt: 20
        France: 33
        Germany: 49
        Hong Kong: 852
        Hungary: 36
        India: 91
        Indonesia: 62
        Israel: 972
        Italy: 39
        Malaysia: 60
        Mexico: 52
        Netherlands: 31
        Nigeria: 234
        Pakistan: 92
        Peru: 51
        Poland: 48
        Qatar: 974
        Romania: 40
        Russia: 7
        Saudi Arabia: 966
        Singapore: 65
        South Africa: 27
        Spain: 34
        Turkey: 90
        United Arab Emirates: 971
        United Kingdom: 44
        North America: 1
        Rest of Africa: 213 244 229 267 226 257 237 235 242 291 251 241 220 233 245 225 254 266 231 218 261 265 223 222 258 264
        Rest of Africa: 227 250 221 232 252 211 249 268 255 228 216 256 260 263 212
        Rest of Asia Pacific: 93 61 855 86 81 856 976 64 675 63 886 992 66 993 998 84 880 977 94
        Rest of Central & Eastern Europe: 355 374 994 375 359 385 420 995 30 371 370 373 389 381 421 386 380
        Rest of Western Europe: 43 32 45 358 353 47 351 46 41
        Rest of Middle East: 973 962 961 967 964 965 968
        Rest of Latin America: 591 506 593 503 502 509 504 505 507 595 598 58 1809 1829 1849 1658 1876 1787 1939
        Other: 76 77 1242 1246 1264 1268 1284 1340 1345 1441 1473 1649 1664 1670 1671 1684 1721 1758 1767 1784 1868 1869

        """

    private static let october = """
        Bangladesh: 880
        Iraq: 964
        Kazakhstan: 76 77
        Kuwait: 965
        Morocco: 212
        Nepal: 977
        Oman: 968
        Sri Lanka: 94
        Ukraine: 380

        """
}
