import Testing

@testable import FaultHarness

/// The table of results inside a document with other text.
struct ResultTableTests {
    private static let head = """
        | cell | what breaks | seeds | messages | lost | duplicated | unconfirmed | most in 1 s (rate) | recovery | verdict |
        |---|---|---|---|---|---|---|---|---|---|

        """

    private static func result(_ cell: String, lost: Int = 0) -> CellResult {
        CellResult(
            cell: cell,
            title: "breaks",
            seed: 7,
            messages: 10,
            lost: lost,
            violations: lost == 0 ? [] : ["1 loss"]
        )
    }

    @Test func newRowsReplaceOldOnesAndOtherTextStays() {
        let old = """
            # Words

            \(Self.head)| A1 | old | 1 | 1 | 0 | 0 | 0 | 1 (1) | 0.1 s | holds |
            | A2 | kept | 1 | 1 | 0 | 0 | 0 | 1 (1) | 0.1 s | holds |

            More words | with a bar.

            | another | table |
            |---|---|

            """
        let new = ResultTable(results: [Self.result("A3"), Self.result("A1", lost: 1)]).document(updating: old)
        let expected = """
            # Words

            \(Self.head)| A1 | breaks | 1 | 10 | 1 | 0 | 0 | 0 (80) | – | **broken** by seed 7 |
            | A2 | kept | 1 | 1 | 0 | 0 | 0 | 1 (1) | 0.1 s | holds |
            | A3 | breaks | 1 | 10 | 0 | 0 | 0 | 0 (80) | – | holds |

            More words | with a bar.

            | another | table |
            |---|---|

            """
        #expect(new == expected)
    }

    @Test func aDocumentWithoutATableGetsOne() {
        let table = Self.head + "| A1 | breaks | 1 | 10 | 0 | 0 | 0 | 0 (80) | – | holds |\n"
        let results = ResultTable(results: [Self.result("A1")])
        #expect(results.document(updating: "# Words\n") == "# Words\n\n" + table)
        #expect(results.document(updating: nil) == "# Reliability\n\n" + table)
        #expect(results.document(updating: table) == table)
    }
}
