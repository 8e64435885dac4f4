/// A country calling code, and the form of the national numbers behind it.
///
/// There is no library for telephone numbers in Swift on Linux. The facts are those of Google's libphonenumber (metadata of
/// its port `phonenumbers` 9), reduced to what tells a number from what cannot be one; a test compares both over numbers of
/// all countries.
public struct CallingCode: Hashable, Sendable {
    /// 1 to 3 digits, such as 254.
    public let code: Int
    /// The countries that share the code, as ISO 3166 codes, the main one first; empty for satellite and other services.
    public let countries: [String]
    /// The digits before a national number that are dialled only within the country, such as `0`; empty if there are none.
    let trunkPrefix: [UInt8]
    /// The lengths that national numbers of mobile and fixed lines may have.
    let lengths: Set<Int>
    /// The lengths of mobile numbers among them.
    let mobileLengths: Set<Int>
    /// True if a national number may begin with a zero, which is then also dialled from abroad.
    let keepsZero: Bool

    /// Number of digits of the code.
    var width: Int { code < 10 ? 1 : code < 100 ? 2 : 3 }

    /// Returns the calling code of a country.
    ///
    /// - Parameter country: The ISO 3166 code, such as `KE`, in any case.
    /// - Returns: The code; `nil` for an unknown country.
    public static func of(country: String) -> CallingCode? { byCountry[country.uppercased()] }

    /// All countries with a calling code, as ISO 3166 codes.
    public static let countries = byCountry.keys.sorted()

    /// Returns the calling code that begins a number; no code is the beginning of another.
    static func leading(_ digits: ArraySlice<UInt8>) -> CallingCode? {
        var code = 0
        for digit in digits.prefix(3) {
            code = code * 10 + Int(digit - UInt8(ascii: "0"))
            // Codes of one and two digits are below 100, and a code never begins with a zero.
            guard code > 0 else { return nil }
            if let found = byCode[code] { return found }
        }
        return nil
    }

    private static let byCode: [CallingCode?] = {
        var codes = [CallingCode?](repeating: nil, count: 1_000)
        for entry in table { codes[entry.code] = entry }
        return codes
    }()

    private static let byCountry: [String: CallingCode] = {
        let pairs = table.flatMap { entry in entry.countries.map { ($0, entry) } }
        return Dictionary(uniqueKeysWithValues: pairs)
    }()

    /// Code, countries, trunk prefix, lengths, lengths of mobile numbers (`=`: the same), and `zero` if national numbers may
    /// begin with one.
    private static let table: [CallingCode] = text.split(separator: "\n").map { line in
        let words = line.split(separator: " ")
        let lengths = Self.lengths(words[3])
        return CallingCode(
            code: Int(words[0]) ?? 0,
            countries: words[1] == "-" ? [] : words[1].split(separator: "/").map(String.init),
            trunkPrefix: words[2] == "-" ? [] : Array(words[2].utf8),
            lengths: lengths,
            mobileLengths: words[4] == "=" ? lengths : Self.lengths(words[4]),
            keepsZero: words.count > 5
        )
    }

    /// Reads lengths such as `7-9,11`.
    private static func lengths(_ text: Substring) -> Set<Int> {
        Set(
            text.split(separator: ",").flatMap { range in
                let bounds = range.split(separator: "-").compactMap { Int($0) }
                return bounds.first.map { Array($0...(bounds.last ?? $0)) } ?? []
            }
        )
    }

    private static let text = """
        1 US/AG/AI/AS/BB/BM/BS/CA/DM/DO/GD/GU/JM/KN/KY/LC/MP/MS/PR/SX/TC/TT/VC/VG/VI 1 10 =
        7 RU/KZ 8 10 =
        20 EG 0 8-10 10
        27 ZA 0 5-9 =
        30 GR - 10 =
        31 NL 0 9,11 =
        32 BE 0 8-9 9
        33 FR 0 9 =
        34 ES - 9 =
        36 HU 06 8-9 9
        39 IT/VA - 6-12 9-10 zero
        40 RO 0 6,9 9
        41 CH 0 9 =
        43 AT 0 4-13 7-13
        44 GB/GG/IM/JE 0 9-10 10
        45 DK - 8 =
        46 SE 0 7-9 9
        47 NO/SJ - 8 =
        48 PL - 7,9 9
        49 DE 0 5-15 10-11
        51 PE 0 8-9 9
        52 MX - 10 =
        53 CU 0 6-8,10 8
        54 AR 0 10-11 =
        55 BR 0 10-11 =
        56 CL - 9 =
        57 CO 0 8,10 10
        58 VE 0 10 =
        60 MY 0 8-10 9-10
        61 AU/CC/CX 0 9 =
        62 ID 0 7-12 9-12
        63 PH 0 6,8-10 10
        64 NZ 0 8-10 =
        65 SG - 8 =
        66 TH 0 8-9 9
        81 JP 0 9-10 10
        82 KR 0 5-6,8-11 9-10
        84 VN 0 9-10 9
        86 CN 0 7-11 11
        90 TR 0 10 =
        91 IN 0 10 =
        92 PK 0 9-10 10
        93 AF 0 9 =
        94 LK 0 9 =
        95 MM 0 6-10 7-10
        98 IR 0 6-7,10 10
        211 SS 0 9 =
        212 MA/EH 0 9 =
        213 DZ 0 8-9 9
        216 TN - 8 =
        218 LY 0 9 =
        220 GM - 7,9 =
        221 SN - 9 =
        222 MR - 8 =
        223 ML - 8 =
        224 GN - 8-9 9
        225 CI - 10 = zero
        226 BF - 8 = zero
        227 NE - 8 =
        228 TG - 8 =
        229 BJ - 10 = zero
        230 MU - 7-8 8
        231 LR 0 7-9 7,9
        232 SL 0 8 =
        233 GH 0 9 =
        234 NG 0 10 =
        235 TD - 8 =
        236 CF - 8 =
        237 CM - 9 =
        238 CV - 7 =
        239 ST - 7 =
        240 GQ - 9 =
        241 GA - 7-8 = zero
        242 CG - 9 = zero
        243 CD 0 7-10 7,9
        244 AO - 9 =
        245 GW - 7,9 9
        246 IO - 7 =
        247 AC - 5 =
        248 SC - 7 =
        249 SD 0 9 =
        250 RW 0 8-9 9 zero
        251 ET 0 9 =
        252 SO 0 6-9 7-9
        253 DJ - 8 =
        254 KE 0 7-9 9
        255 TZ 0 9 =
        256 UG 0 9 =
        257 BI - 8 =
        258 MZ - 8-9 9
        260 ZM 0 9 =
        261 MG 0 9 =
        262 RE/YT 0 9 =
        263 ZW 0 9-10 9
        264 NA 0 8-9 9
        265 MW 0 7,9 9
        266 LS - 8 =
        267 BW - 7-8 8
        268 SZ - 8 =
        269 KM - 7 =
        290 SH/TA - 4-5 5
        291 ER 0 7 =
        297 AW - 7 =
        298 FO - 6 =
        299 GL - 6 =
        350 GI - 8 =
        351 PT - 9 =
        352 LU - 4-11 9
        353 IE 0 7-10 9
        354 IS - 7,9 =
        355 AL 0 8-9 9
        356 MT - 8 =
        357 CY - 8 =
        358 FI/AX 0 5-10 6-10
        359 BG 0 6-9 8-9
        370 LT 0 8 =
        371 LV - 8 =
        372 EE - 7-8 =
        373 MD 0 8 =
        374 AM 0 8 =
        375 BY 8 9 =
        376 AD - 6,9 =
        377 MC 0 8-9 =
        378 SM - 8,10 8 zero
        380 UA 0 9 =
        381 RS 0 7-12 8-10
        382 ME 0 8 =
        383 XK 0 8-12 8
        385 HR 0 8-9 =
        386 SI 0 8 =
        387 BA 0 8-9 =
        389 MK 0 8 =
        420 CZ - 9 =
        421 SK 0 6-7,9 9
        423 LI 0 7,9 =
        500 FK - 5 =
        501 BZ - 7 =
        502 GT - 8 =
        503 SV - 8 =
        504 HN - 8 =
        505 NI - 8 =
        506 CR - 8 =
        507 PA - 7-8 =
        508 PM 0 6,9 =
        509 HT - 8 =
        590 GP/BL/MF 0 9 =
        591 BO 0 8 =
        592 GY - 7 =
        593 EC 0 8-9 9
        594 GF 0 9 =
        595 PY 0 7-9 9
        596 MQ 0 9 =
        597 SR - 6-7 7
        598 UY 0 8 =
        599 CW/BQ - 7-8 =
        670 TL - 7-8 8
        672 NF - 6 =
        673 BN - 7 =
        674 NR - 7 =
        675 PG - 7-8 8
        676 TO - 5,7 7
        677 SB - 5,7 =
        678 VU - 5,7 7
        679 FJ - 7 =
        680 PW - 7 =
        681 WF - 6 =
        682 CK - 5 =
        683 NU - 4,7 =
        685 WS - 5-7,10 7,10
        686 KI 0 5,8 8
        687 NC - 6 =
        688 TV - 5-7 6-7
        689 PF - 8 =
        690 TK - 4-7 =
        691 FM - 7 =
        692 MH 1 7 =
        800 - - 8 = zero
        808 - - 8 =
        850 KP 0 8,10 10
        852 HK - 8 =
        853 MO - 8 =
        855 KH 0 8-9 =
        856 LA 0 8-10 9-10
        870 - - 9,12 =
        878 - - 12 =
        880 BD 0 6-10 10
        881 - - 9-10 = zero
        882 - - 7-12 =
        883 - - 8-12 =
        886 TW 0 8-11 9
        888 - - 11 = zero
        960 MV - 7 =
        961 LB 0 7-8 =
        962 JO 0 8-9 9
        963 SY 0 8-9 9
        964 IQ 0 8-10 10
        965 KW - 8 =
        966 SA 0 9 =
        967 YE 0 7-9 9
        968 OM - 8 =
        970 PS 0 8-9 9
        971 AE 0 8-9 9
        972 IL 0 8-9,11-12 9
        973 BH - 8 =
        974 QA - 8 =
        975 BT - 7-8 8
        976 MN 0 8-10 8
        977 NP 0 8,10 10
        979 - - 9 =
        992 TJ - 9 = zero
        993 TM 8 8 =
        994 AZ 0 9 =
        995 GE 0 9 =
        996 KG 0 9 =
        998 UZ - 9 =
        """
}
