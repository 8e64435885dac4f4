import Foundation

/// The words by which a contact opts out of messages, or opts in again.
///
/// A message counts only if it says nothing else: "stop" counts, "don't stop" does not. Case, accents and marks around
/// the word make no difference.
enum ConsentWords {
    /// Words of the languages that WhatsApp is most used in; a tenant may add its own.
    ///
    /// Words with other common meanings are left out: "cancel" may be about an appointment, and is a label of buttons.
    private static let optOut: Set<String> = [
        "stop", "stopall", "stop all", "unsubscribe", "opt out", "optout", "remove me",
        "parar", "pare", "sair", "descadastrar", "baja", "detener", "arret", "arreter", "desabonner", "desinscrire",
        "abmelden", "stopp", "disiscrivi", "acha", "sitisha", "berhenti", "hentikan", "стоп", "отписаться",
        "إيقاف", "توقف", "रोकें", "बंद करो", "退订", "停止",
    ].mapped(folded)

    private static let optIn: Set<String> = [
        "start", "unstop", "subscribe", "opt in", "optin", "старт",
    ].mapped(folded)

    /// Returns true if a message gives consent, false if it withdraws consent, `nil` if it says something else.
    ///
    /// - Parameters:
    ///   - text: The text that the contact wrote.
    ///   - own: The tenant's own words for opting out.
    /// - Returns: The consent from now on.
    static func consent(in text: String, own: [String]) -> Bool? {
        let word = folded(text)
        guard !word.isEmpty, word.utf8.count <= 200 else { return nil }
        if optOut.contains(word) || own.contains(where: { folded($0) == word }) { return false }
        return optIn.contains(word) ? true : nil
    }

    private static func folded(_ text: String) -> String {
        let plain = text.folding(options: [.caseInsensitive, .diacriticInsensitive, .widthInsensitive], locale: nil)
        let words = plain.split { $0.isWhitespace }.joined(separator: " ")
        return words.trimmingCharacters(in: .whitespacesAndNewlines.union(.punctuationCharacters).union(.symbols))
    }
}

extension Array<String> {
    fileprivate func mapped(_ transform: (String) -> String) -> Set<String> { Set(map(transform)) }
}
