import Foundation
import JSON
import Randomness
import Spec
import Store
import Testing

@testable import Reconciler

/// Two values that differ anywhere never look the same in a plan, in no format, cut or in full.
struct DifferenceTextTests {
    private static let identity = SpecIdentity(tenant: "acme", kind: .template, name: "offer")

    private static func plan(_ before: JSONValue?, _ after: JSONValue?, action: PlannedChange.Action = .update) throws
        -> Plan
    {
        let desired = try ReconcilerFixture.desired(Samples.sender)
        let isUpdate = action == .update
        let change = PlannedChange(
            action: action,
            identity: identity,
            renamedFrom: nil,
            row: action == .create
                ? nil : ManagedRow(id: UUID(), identity: identity, content: before.map { ["body": $0] } ?? [:]),
            after: action == .delete ? nil : after.map { ["body": $0] } ?? [:],
            differences: isUpdate ? ValueDiffer.differences(from: before, to: after, path: "body") : [],
            place: nil,
            isAdoption: false
        )
        return Plan(changes: [change], base: ("db", 7), desired: desired, rows: [])
    }

    /// The plan in every format, without its digest.
    private static func renderings(_ plan: Plan, isFull: Bool) -> [String: String] {
        let lines = plan.reviewJSON(isFull: isFull)["changes"]?[0]?["differences"]?.arrayValue?.map {
            $0["lines"] ?? .null
        }
        return [
            "text": PlanTextRenderer(isFull: isFull).text(plan).replacing(plan.digest, with: ""),
            "markdown": PlanMarkdownRenderer(isFull: isFull).text(plan).replacing(plan.digest, with: ""),
            "json": JSONValue.array(lines ?? []).canonicalText,
        ]
    }

    private static func text(_ before: String, _ after: String, isFull: Bool = false) throws -> String {
        let plan = try plan(.string(before), .string(after))
        return PlanTextRenderer(isFull: isFull).text(plan).split(separator: "\n\n")[0] + "\n"
    }

    private static let pieces = [
        "a", "word", " ", "  ", "\n", "\n\n", "\r", "\t", "\u{A0}", "\u{200B}", "\u{200D}", "\u{FE0F}", "e\u{301}", "é",
        "\u{301}", "а", "a", "\\u{200B}", "\\", "u{41}", "⏎", "…", "👩‍💻", "👩💻", "{{1}}", "[-x-]", "{+x+}", "→", "`",
        "\u{202E}",
        "\u{2028}", "\u{3164}", "नमस्ते", "ﬁ", "fi", "0", "\"", "true", "Å", "\u{212B}",
    ]

    private static func pair(_ dice: inout SplitMix64) -> (String, String) {
        let count = [0, 1, 3, 30, 400].randomElement(using: &dice) ?? 3
        let few = Array(pieces.shuffled(using: &dice).prefix(Int.random(in: 1...8, using: &dice)))
        var parts = (0..<count).map { _ in few.randomElement(using: &dice) ?? "" }
        // Long equal runs make it necessary to cut.
        if Bool.random(using: &dice) {
            parts.insert(String(repeating: "x", count: 500), at: Int.random(in: 0...parts.count, using: &dice))
        }
        var other = parts
        for _ in 0..<Int.random(in: 1...3, using: &dice) {
            let piece = pieces.randomElement(using: &dice) ?? "a"
            let index = Int.random(in: 0...other.count, using: &dice)
            switch Int.random(in: 0..<3, using: &dice) {
            case 0: other.insert(piece, at: index)
            case 1 where index < other.count: other[index] = piece
            default: if index < other.count { other.remove(at: index) }
            }
        }
        return (parts.joined(), other.joined())
    }

    private static func isVisible(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { scalar in
            switch scalar.properties.generalCategory {
            case .control: scalar == "\n"
            case .format: scalar == "\u{200D}"
            case .lineSeparator, .paragraphSeparator, .privateUse, .unassigned: false
            case .spaceSeparator: scalar == " "
            default: scalar == "\u{FE0F}" || !scalar.properties.isDefaultIgnorableCodePoint
            }
        }
    }

    @Test func textsThatDifferAnywhereNeverLookTheSame() throws {
        var dice = SplitMix64(seed: 7)
        for _ in 0..<300 {
            let (before, after) = Self.pair(&dice)
            guard !ExactText.identical(before, after) else { continue }
            let lines = TextDifference(isFull: false).lines(from: before, to: after)
            for isFull in [false, true] {
                let there = Self.renderings(try Self.plan(.string(before), .string(after)), isFull: isFull)
                let back = Self.renderings(try Self.plan(.string(after), .string(before)), isFull: isFull)
                for (format, text) in there {
                    // `==` of texts ignores how letters are composed, as a reader does.
                    #expect(
                        text != back[format],
                        "\(format) \(isFull): \(before.debugDescription) \(after.debugDescription)"
                    )
                    #expect(format == "json" || Self.isVisible(text), "\(text.debugDescription)")
                }
                guard isFull else { continue }
                for action in [PlannedChange.Action.create, .delete] {
                    let old = Self.renderings(
                        try Self.plan(.string(before), .string(before), action: action),
                        isFull: true
                    )
                    let new = Self.renderings(
                        try Self.plan(.string(after), .string(after), action: action),
                        isFull: true
                    )
                    for (format, text) in old {
                        #expect(
                            text != new[format],
                            "\(action) \(format): \(before.debugDescription) \(after.debugDescription)"
                        )
                    }
                }
            }
            func side(_ sign: DifferenceLine.Sign) -> String {
                lines.filter { $0.sign == sign }.map(\.plain).joined(separator: "\n")
            }
            #expect(side(.removed) != side(.added), "\(before.debugDescription) \(after.debugDescription)")
        }
    }

    @Test func aDifferenceInTheMiddleIsShown() throws {
        let text =
            "Hi {{1}}, welcome to ACME! Show this message at the till and get 10 % off your next purchase of anything."
        #expect(
            try Self.text(text, text.replacing("10 %", with: "15 %")) == """
                ~ acme/Template/offer
                    body:
                      - …s message at the till and get [-10-] % off your next purchase of a…
                      + …s message at the till and get {+15+} % off your next purchase of a…

                """
        )
    }

    @Test func textsDifferLineByLine() throws {
        let old = (1...9).map { "Line \($0)" }.joined(separator: "\n")
        let new = old.replacing("Line 5", with: "Line five").replacing("Line 8\n", with: "")
        #expect(
            try Self.text(old, new) == """
                ~ acme/Template/offer
                    body:
                        … 3 equal lines
                        Line 4
                      - Line [-5-]
                      + Line {+five+}
                        Line 6
                        Line 7
                      - Line 8
                        Line 9

                """
        )
        #expect(try Self.text(old, new, isFull: true).contains("        Line 1\n        Line 2\n"))
    }

    @Test(arguments: [
        ("a b", "a\u{A0}b", "a\\u{20}b → a\\u{A0}b"), ("offer", "offer ", "offer → offer\\u{20}"),
        ("offer", "off\u{200B}er", "offer → off\\u{200B}er"), ("offer\r", "offer", "offer\\u{D} → offer"),
        ("cafe\u{301}", "caf\u{E9}", "cafe\\u{301} → caf\\u{E9}"), ("\u{430}cme", "acme", "\\u{430}cme → acme"),
        ("a\u{200B}", "a\\u{200B}", "a\\u{200B} → a\\u{5C}u{200B}"), ("x", "y\u{202E}z", "x → y\\u{202E}z"),
        ("x", "cafe\u{301}", "x → cafe\\u{301}"), ("x", "caf\u{E9}", "x → caf\u{E9}"), ("👩‍💻 a", "👩‍💻 b", "👩‍💻 a → 👩‍💻 b"),
        ("👩‍💻", "👩💻", "\\u{1F469}\\u{200D}\\u{1F4BB} → \\u{1F469}\\u{1F4BB}"),
        ("", "x", "\"\" → x"), ("1", "one", "\"1\" → one"), ("true", "yes", "\"true\" → yes"),
    ])
    func whatCannotBeSeenIsAnEscape(before: String, after: String, shown: String) throws {
        #expect(ExactText.identical(try Self.text(before, after), "~ acme/Template/offer\n    body: \(shown)\n"))
    }

    @Test func aTextAndANumberDoNotLookTheSame() throws {
        let plan = try Self.plan(["10", true], [10, "true"])
        let text = PlanTextRenderer().text(plan)
        for line in ["body: - \"10\"", "body: + 10", "body: - true", "body: + \"true\""] {
            #expect(text.contains("    \(line)\n"), "\(text)")
        }
    }

    /// A list names its members by their content, so that a changed one is a removed and an added one.
    @Test func membersWithTheSameBeginningAreNotCut() throws {
        let long = String(repeating: "x", count: 500)
        let text = PlanTextRenderer().text(try Self.plan([.string(long + "1")], [.string(long + "2")]))
        #expect(text.contains("body: - \(long)1\n") && text.contains("body: + \(long)2\n"))
        let other = PlanTextRenderer().text(try Self.plan([.string(long)], []))
        #expect(other.contains("body: - \(String(repeating: "x", count: 120))…(380 more characters)\n"), "\(other)")
    }

    /// The content is compared by code points, because that is what is stored and sent.
    @Test func anotherCompositionOfALetterIsAChange() {
        let found = ValueDiffer.differences(from: ["a": "cafe\u{301}"], to: ["a": "caf\u{E9}"])
        #expect(found.map(\.path) == ["a"])
        let keys = ValueDiffer.differences(from: ["cafe\u{301}": 1], to: ["caf\u{E9}": 1])
        #expect(keys.count == 2)
        #expect(ValueDiffer.differences(from: ["a": ["e\u{301}"]], to: ["a": ["e\u{301}"]]).isEmpty)
    }

    @Test func fullShowsCreatesAndAllLinesInEveryFormat() throws {
        let lines = (1...300).map { "Line \($0) " + String(repeating: "y", count: 200) }
        let plan = try Self.plan(nil, .string(lines.joined(separator: "\n")), action: .create)
        for (format, text) in Self.renderings(plan, isFull: true) {
            for line in lines { #expect(text.contains(line), "\(format)") }
        }
        let update = try Self.plan("", .string(lines.joined(separator: "\n")))
        for (format, text) in Self.renderings(update, isFull: false) where format != "json" {
            #expect(text.contains("more lines"), "\(format)")
        }
    }
}
