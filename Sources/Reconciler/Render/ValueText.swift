import Foundation
import JSON

/// Writes values so that two different values never look the same.
///
/// Characters that a reader cannot see, or that change how others are shown, become escapes such as `\u{200B}`:
/// control and format characters, spaces other than the plain one, blanks at an end of a line, and code points that are
/// unassigned or private. A text that looks like a value of another type, such as `"10"` or `"true"`, gets quotes.
enum ValueText {
    /// Returns the text of a value: strings as they are, unless they look like another type, and the rest as JSON.
    static func plain(_ value: JSONValue) -> String {
        guard let text = value.stringValue else { return value.canonicalText }
        return isAmbiguous(text) ? value.canonicalText : text
    }

    /// Returns true if a string without quotes would look like no text or like another type.
    private static func isAmbiguous(_ text: String) -> Bool {
        guard let first = text.utf8.first else { return true }
        let starts = #""[{-0123456789tfn"#.utf8
        guard starts.contains(first) else { return false }
        // A text that is no JSON is the usual case, and the reason for not quoting it.
        return (try? JSONValue(parsing: text)) != nil
    }

    /// Writes text on one line, with escapes for all that cannot be seen; line ends become ⏎.
    static func line(_ text: String) -> String {
        text.unicodeScalars.contains("\n")
            ? lines(of: text).map { visible($0) }.joined(separator: "⏎") : visible(text[...])
    }

    /// Splits text at line feeds only, so that a carriage return stays visible.
    static func lines(of text: String) -> [Substring] {
        text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map(Substring.init)
    }

    /// Writes a part of one line.
    ///
    /// - Parameters:
    ///   - text: The part, without line feeds.
    ///   - isChanged: True if the part is a difference: joiners of emoji are escaped too, and blanks if there is nothing
    ///     else.
    ///   - isASCII: True to escape everything outside of ASCII.
    ///   - edges: The ends of the part that are ends of its line, where blanks are escaped.
    /// - Returns: The text; different parts have different texts if the other arguments are the same.
    static func visible(
        _ text: Substring,
        isChanged: Bool = false,
        isASCII: Bool = false,
        edges: Edges = [.start, .end]
    ) -> String {
        let scalars = Array(text.unicodeScalars)
        let decomposed = isChanged ? decomposed(text, scalars) : []
        let blank = isChanged && scalars.allSatisfy { $0 == " " }
        let first = edges.contains(.start) ? scalars.firstIndex { $0 != " " } ?? scalars.count : 0
        let last = edges.contains(.end) ? (scalars.lastIndex { $0 != " " } ?? -1) : scalars.count - 1
        var shown = String.UnicodeScalarView()
        for (index, scalar) in scalars.enumerated() {
            let isEscaped =
                switch scalar {
                case " ": blank || index < first || index > last
                // An escape that a text holds literally must not look like the character, also if it continues in
                // the next part.
                case "\\":
                    scalars.dropFirst(index + 1).prefix(2).elementsEqual(
                        "u{".unicodeScalars.prefix(scalars.count - index - 1)
                    )
                case _ where scalar.isASCII: scalar.value < 0x20 || scalar.value == 0x7F
                case _ where isASCII || decomposed.contains(index): true
                case "\u{200D}", "\u{FE0F}":
                    isChanged || index == 0 || !isEmojiBase(scalars, before: index)
                case _ where isMark(scalar): index == 0
                default: isInvisible(scalar)
                }
            if isEscaped {
                let code = String(scalar.value, radix: 16, uppercase: true)
                shown.append(contentsOf: "\\u{\(code)}".unicodeScalars)
            } else {
                shown.append(scalar)
            }
        }
        return String(shown)
    }

    /// The ends of a part that are ends of its line.
    struct Edges: OptionSet {
        let rawValue: Int
        static let start = Edges(rawValue: 1)
        static let end = Edges(rawValue: 2)
    }

    /// Returns the positions of code points that are not in the usual, composed form, such as an accent that follows its
    /// letter.
    private static func decomposed(_ text: Substring, _ scalars: [Unicode.Scalar]) -> Set<Int> {
        guard scalars.contains(where: { !$0.isASCII }),
            !scalars.elementsEqual(String(text).precomposedStringWithCanonicalMapping.unicodeScalars)
        else { return [] }
        var (found, start): (Set<Int>, Int) = ([], 0)
        for character in text {
            let own = character.unicodeScalars
            if !own.elementsEqual(String(character).precomposedStringWithCanonicalMapping.unicodeScalars) {
                found.formUnion(start..<(start + own.count))
            }
            start += own.count
        }
        return found
    }

    private static func isEmojiBase(_ scalars: [Unicode.Scalar], before index: Int) -> Bool {
        let previous = scalars[index - 1]
        if previous == "\u{FE0F}" { return scalars[index] == "\u{200D}" }
        return !previous.isASCII && previous.properties.isEmoji || previous.properties.isEmojiModifier
    }

    private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .spacingMark: !scalar.properties.isDefaultIgnorableCodePoint
        default: false
        }
    }

    private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        // ⏎ and … stand for line ends and for what was left out; the braille blank has no dots.
        if scalar == "\u{23CE}" || scalar == "\u{2800}" { return true }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
            .spaceSeparator:
            return true
        default: return scalar.properties.isDefaultIgnorableCodePoint
        }
    }

    /// Returns true if two different texts look alike to a reader: they differ in the composition of characters, in
    /// letters of other alphabets that have the shape of Latin ones, or in what cannot be seen.
    static func looksAlike(_ left: Substring, _ right: Substring) -> Bool {
        shape(left) == shape(right)
    }

    private static func shape(_ text: Substring) -> [Unicode.Scalar] {
        String(text).precomposedStringWithCompatibilityMapping.unicodeScalars.compactMap { scalar in
            if let latin = latinShapes[scalar] { return latin }
            return scalar == " " || isInvisible(scalar) ? nil : scalar
        }
    }

    /// Cyrillic and Greek letters by the Latin ones that look the same in most fonts.
    private static let latinShapes: [Unicode.Scalar: Unicode.Scalar] = Dictionary(
        uniqueKeysWithValues: zip(
            "асԁеһіјӏорԛѕԝхуАВСЕНІЈКМОРЅТХУαινορυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ".unicodeScalars,
            "acdehijlopqswxyABCEHIJKMOPSTXYaivopuxABEZHIKMNOPTYX".unicodeScalars
        )
    )
}
