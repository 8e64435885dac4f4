import Spelling
import Testing

struct NumberTextTests {
    @Test(arguments: [(0, "0"), (999, "999"), (1_000, "1,000"), (-12_345_678, "-12,345,678")])
    func groupsThousands(number: Int, text: String) {
        #expect(number.grouped == text)
    }

    @Test func namesWhatItCounts() {
        #expect(NumberText.count(1, "spec") == "1 spec")
        #expect(NumberText.count(0, "spec") == "0 specs")
        #expect(NumberText.count(1_272, "recipient") == "1,272 recipients")
    }

    @Test(
        arguments: [
            (0, "0.0 %"), (0.983_5, "98.4 %"), (0.5, "50.0 %"), (1, "100.0 %"), (0.999_99, "99.9 %"), (1.2, "100.0 %"),
            (.nan, "0.0 %"),
        ] as [(Double, String)]
    )
    func onlyTheWholeIsAHundredPercent(share: Double, text: String) {
        #expect(NumberText.percent(share) == text)
    }

    @Test(
        arguments: [
            (0, "0 s"), (0.2, "1 s"), (48.9, "49 s"), (60, "1 min"), (200, "3 min 20 s"), (7_500, "2 h 5 min"),
            (86_400 * 3 + 5, "3 d"),
        ] as [(Double, String)]
    )
    func namesTheTwoLargestUnits(seconds: Double, text: String) {
        #expect(NumberText.duration(seconds: seconds) == text)
    }

    @Test func fillsAColumn() {
        #expect("7".leftPadded(to: 3) == "  7" && "1,234".leftPadded(to: 3) == "1,234")
    }
}
