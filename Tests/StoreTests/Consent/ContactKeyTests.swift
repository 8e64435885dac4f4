import Postgres
import Randomness
import Spec
import TestSupport
import Testing

@testable import Store

/// The form of ids by which Postgres finds a person.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct ContactKeyTests {
    private static func keys(_ ids: [String], in fixture: Fixture) async throws -> [String] {
        try await fixture.column(
            "SELECT contact_key(i.id) FROM unnest(\(ids)::text[]) WITH ORDINALITY AS i(id, n) ORDER BY i.n",
            as: String.self
        )
    }

    /// International numbers of all lengths, most of them of the countries whose numbers WhatsApp rewrites.
    private static func numbers(_ count: Int) -> [String] {
        var dice = SplitMix64(seed: 25)
        return (0..<count).map { _ in
            let code =
                ["55", "52", "54", "521", "549", "5511", "55119", "1", "254", "49"].randomElement(using: &dice) ?? ""
            let length = [7, 11, 12, 12, 12, 13, 13, 13, 14, 15].randomElement(using: &dice) ?? 12
            let rest = (0..<max(0, length - code.count)).map { _ in String(Int.random(in: 0...9, using: &dice)) }
            return code + rest.joined()
        }
    }

    @Test func twoNumbersHaveOneKeyExactlyIfWhatsAppMayRewriteOneToTheOther() async throws {
        try await Fixture.with(connections: 1) { fixture in
            let numbers = Array(Set(Self.numbers(5_000).flatMap { PhoneNumberAliases.of($0) })).sorted()
            let keys = try await Self.keys(numbers, in: fixture)
            let people = Dictionary(grouping: zip(numbers, keys), by: \.1).mapValues { Set($0.map(\.0)) }
            #expect(people.values.count { $0.count > 1 } > 1_000)
            for (number, key) in zip(numbers, keys) {
                #expect(people[key] == Set(PhoneNumberAliases.of(number)), "\(number) has the key \(key)")
            }
            #expect(try await Self.keys(keys, in: fixture) == keys, "the key of a key is the key")
        }
    }

    @Test func spellingsOfANumberHaveOneKey() async throws {
        let spellings = [
            "254700000017", "+254700000017", "00254700000017", "+254 700 000 017", "+254-700-000-017",
            "+254.700.000.017",
            "(+254) 700000017", "\u{202A}+254\u{A0}700\u{2011}000\u{2011}017\u{202C}", "\u{FEFF}254700000017",
            "tel:+254700000017", "whatsapp:+254700000017", "+254/700/000017", " 00 254 700 000 017 ",
        ]
        try await Fixture.with(connections: 1) { fixture in
            for (spelling, key) in zip(spellings, try await Self.keys(spellings, in: fixture)) {
                #expect(key == "254700000017", "\(spelling)")
                let number = try PhoneNumberReader().read(spelling)
                #expect(number.digits == key, "\(spelling)")
            }
        }
    }

    @Test func anIDThatIsNoInternationalNumberIsItsOwnKey() async throws {
        let ids = ["", "42", "0042", "+42", "0700 000 017", "US.13491208655302741918", "b-17", "1234567890123456"]
        try await Fixture.with(connections: 1) { fixture in
            let keys = try await Self.keys(ids, in: fixture)
            #expect(keys == ids)
        }
    }

    @Test func aPersonIsFoundByTheIndex() async throws {
        try await Fixture.with(connections: 1) { fixture in
            try await fixture.addContacts(2_000)
            try await fixture.pool.execute("ANALYZE contacts")
            let before = try await fixture.rowsRead(of: ["contacts"])
            let found = try await fixture.column(
                """
                SELECT "contactId" FROM contacts
                WHERE "tenantId" = 'acme' AND contact_key("contactId") = contact_key('+254 700 000 017')
                """,
                as: String.self
            )
            #expect(found == ["254700000017"])
            #expect(try await fixture.rowsRead(of: ["contacts"]) - before == 1)
        }
    }
}
