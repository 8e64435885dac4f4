import Foundation
import JSON
import Randomness
import Spec
import SpecSamples

/// One input, which depends only on a seed and a number.
struct FuzzInput {
    let bytes: [UInt8]

    init(seed: UInt64, round: UInt64) {
        var dice = FuzzDice(seed: seed &* 0x9E37_79B9_7F4A_7C15 ^ round)
        var bytes = Array(FuzzSeeds.specs[dice.below(FuzzSeeds.specs.count)].utf8)
        if dice.below(4) == 0 {
            bytes += Array("\n---\n".utf8) + Array(FuzzSeeds.specs[dice.below(FuzzSeeds.specs.count)].utf8)
        }
        for _ in 0...dice.below(12) { Self.mutate(&bytes, &dice) }
        self.bytes = bytes
    }

    private static func mutate(_ bytes: inout [UInt8], _ dice: inout FuzzDice) {
        guard !bytes.isEmpty else { return bytes.append(UInt8(dice.below(256))) }
        let from = dice.below(bytes.count)
        let length = min(1 + dice.below(16), bytes.count - from)
        switch dice.below(8) {
        case 0: bytes.removeSubrange(from..<(from + length))
        case 1: bytes.insert(contentsOf: bytes[from..<(from + length)], at: dice.below(bytes.count))
        case 2: bytes[from] = UInt8(dice.below(256))
        case 3: bytes[from] ^= 1 << UInt8(dice.below(8))
        case 4, 5:
            let token = FuzzSeeds.tokens[dice.below(FuzzSeeds.tokens.count)]
            bytes.insert(contentsOf: Array(token.utf8), at: from)
        case 6:
            let token = Array(FuzzSeeds.tokens[dice.below(FuzzSeeds.tokens.count)].utf8)
            let count = 1 + dice.below(2_000)
            bytes.insert(contentsOf: (0..<count).flatMap { _ in token }, at: from)
        default: bytes.removeSubrange(from...)
        }
    }

    /// Loads the input and returns the broken rule; `nil` if every rule holds.
    func problem() -> String? {
        let file = SpecCatalog.SourceFile(path: "campaigns/acme/fuzz.yaml", tenant: "acme", bytes: bytes)
        let catalog = SpecCatalog.load(files: [file], now: Date(timeIntervalSince1970: 1_780_000_000))
        let renderer = DiagnosticRenderer(sources: catalog.sources)
        let text = renderer.text(catalog.diagnostics)
        if text.unicodeScalars.contains(where: { $0 != "\n" && $0.properties.generalCategory == .control }) {
            return "a control character in the text of a diagnostic"
        }
        if catalog.diagnostics != catalog.diagnostics.sorted() { return "diagnostics out of order" }
        for diagnostic in catalog.diagnostics {
            let (start, end) = (diagnostic.place.start, diagnostic.place.end)
            guard start.line >= 1, start.column >= 1, start <= end, start.offset <= end.offset,
                end.offset <= bytes.count
            else { return "\(diagnostic.code.rawValue) has no place in the file: \(diagnostic.place)" }
        }
        if renderer.github(catalog.diagnostics).annotations.split(separator: "\n").contains(where: {
            !$0.hasPrefix("::")
        }) {
            return "a line of annotations that is no command"
        }
        return filterProblem()
    }

    /// Checks that a filter stays the same when it is written and read again.
    private func filterProblem() -> String? {
        guard let json = try? JSONValue(parsing: bytes), let filter = try? AudienceFilter(json: json) else {
            // Most inputs are not filters; they must be refused without a crash.
            return nil
        }
        guard let again = try? AudienceFilter(json: filter.json) else { return "a filter cannot be read again" }
        return again.json == filter.json ? nil : "a filter changes when it is written"
    }
}

/// Material of the inputs.
enum FuzzSeeds {
    /// Specs of all kinds, and filters as the API takes them.
    static let specs = SpecSamples.specs + SpecSamples.filters

    /// Pieces of text with a meaning in YAML, filters or specs.
    static let tokens = [
        "\n", "\t", " ", "  ", "{", "}", "[", "]", ":", ": ", ",", "- ", "#", "|", ">", "&a ", "*a", "!", "!!str ",
        "!<",
        "'", "\"", "\\", "%", "@", "`", "? ", "--- ", "\n---\n", "\n...\n", "<<: ", "{{", "}}", "|x", "~", "null",
        "true",
        "-1", "1e999", ".nan", "0x7f", "99999999999999999999", "\u{FEFF}", "\u{85}", "\u{2028}", "é", "😀", "\u{301}",
        "*/5", "L", "15W", "FRI#5", "@daily", "2026-02-29", "-9999999999999w", "metadata.", "env:", "file:/", "kind: ",
        "name: ", "not: ", "conditions: ", "# allow C010: x\n", "EAAabcdefghijklmnopqrstuvwxyz", "accessToken: ",
    ]
}

/// Random choices that depend only on the seed.
struct FuzzDice {
    private var generator: SplitMix64

    init(seed: UInt64) {
        generator = SplitMix64(seed: seed)
    }

    /// Returns a number from 0 up to but not including `limit`.
    mutating func below(_ limit: Int) -> Int { Int(generator.next() >> 1) % limit }
}
