public import Foundation
import Randomness

/// Invented contacts as lines of a CSV file; the same seed and date always give the same contacts.
///
/// About 40 % wrote within the last 24 hours, 2 % have opted out, 1 % have no name. Phone numbers are unique.
///
/// ```swift
/// for line in SampleContacts(count: 1_000, seed: 1, now: Date()) { print(line) }
/// ```
public struct SampleContacts: Sequence, Sendable {
    /// The first line.
    static let header = "contactId,name,email,tags,paymentStatus,lastSeen,optedIn,messageCount,metadata.company"
    /// Number of different phone numbers.
    public static let maximumCount = 100_000_000

    private let count: Int
    private let seed: UInt64
    private let now: Date

    /// Describes a set of contacts.
    ///
    /// - Parameters:
    ///   - count: Number of contacts, up to ``maximumCount``.
    ///   - seed: Selects the contacts.
    ///   - now: The end of "the last 24 hours".
    public init(count: Int, seed: UInt64, now: Date) {
        self.count = Swift.min(Swift.max(0, count), Self.maximumCount)
        self.seed = seed
        self.now = now
    }

    public func makeIterator() -> Iterator {
        Iterator(count: count, random: SplitMix64(seed: seed), seconds: Int(now.timeIntervalSince1970))
    }

    /// The header, then one line for each contact, without line breaks.
    public struct Iterator: IteratorProtocol {
        private let count: Int
        private let seconds: Int
        private var random: SplitMix64
        private var index = -1
        private let firstPhone: Int

        fileprivate init(count: Int, random: SplitMix64, seconds: Int) {
            self.count = count
            self.seconds = seconds
            var random = random
            firstPhone = Int(random.next() % UInt64(SampleContacts.maximumCount))
            self.random = random
        }

        public mutating func next() -> String? {
            guard index < count else { return nil }
            defer { index += 1 }
            return index < 0 ? SampleContacts.header : contact(index)
        }

        private mutating func contact(_ index: Int) -> String {
            // The factor and the modulus have no common divisor, so no number repeats.
            let phone = (firstPhone + index * 61_803_399) % SampleContacts.maximumCount
            let digits = String(phone)
            let first = pick(["Amina", "Brian", "Chebet", "David", "Esther", "Faith", "Grace", "Hassan", "Joy"])
            let last = pick(["Achieng", "Kamau", "Kiptoo", "Mwangi", "Njeri", "Odhiambo", "Otieno", "Wanjiku"])
            let tags = ["vip", "gold", "newsletter", "demo"].filter { _ in random.next() % 3 == 0 }
            let name = random.next() % 100 == 0 ? "" : "\(first) \(last)"
            let fields = [
                "2547" + String(repeating: "0", count: 8 - digits.count) + digits,
                name,
                "\(first.lowercased()).\(last.lowercased()).\(index)@example.com",
                tags.joined(separator: ";"),
                random.next() % 3 == 0 ? "unpaid" : "paid",
                lastSeen(),
                random.next() % 100 < 2 ? "false" : "true",
                String(random.next() % 40),
                pick(["Acme", "\"Baraka, Ltd\"", "Jua Kali", "Mto", "Simba"]),
            ]
            return fields.joined(separator: ",")
        }

        private mutating func lastSeen() -> String {
            let share = random.next() % 100
            let ago = Int(random.next() % UInt64(share < 40 ? 86_000 : 89 * 86_400))
            if share >= 80 { return "" }
            return Self.format(seconds - ago - (share < 40 ? 0 : 86_400))
        }

        private mutating func pick(_ words: [String]) -> String {
            words[Int(random.next() % UInt64(words.count))]
        }

        private static func format(_ seconds: Int) -> String {
            Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
        }
    }
}
