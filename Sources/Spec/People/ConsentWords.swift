import Foundation

/// The words by which a person opts out of messages, or opts in again.
///
/// A message or the label of a button counts only if it says nothing else: "stop" counts, "don't stop" and "bus stop" do
/// not. Case, accents, marks, emoji, hyphens and signs of writing direction make no difference, nor does a polite word or a
/// repetition: `🛑 STOP!!`, `Opt-out`, `please stop`, `stop stop`.
public enum ConsentWords {
    /// Returns true if a text gives consent, false if it withdraws consent, `nil` if it says something else.
    ///
    /// - Parameters:
    ///   - text: The text that the person wrote, or the label of the button that was pressed.
    ///   - own: The tenant's own words for opting out.
    /// - Returns: The consent from now on.
    public static func consent(in text: String, own: [String] = []) -> Bool? {
        guard text.utf8.count <= 400 else { return nil }
        let phrase = folded(text)
        guard !phrase.isEmpty else { return nil }
        let plain = withoutCourtesy(phrase)
        if optOut.contains(phrase) || optOut.contains(plain) { return false }
        if own.contains(where: { [phrase, plain].contains(folded($0)) }) { return false }
        return optIn.contains(phrase) || optIn.contains(plain) ? true : nil
    }

    /// Returns the consent that several texts of one message express, such as the label and the payload of a button; if they
    /// contradict each other, the safe one counts.
    public static func consent(in texts: [String], own: [String]) -> Bool? {
        let all = texts.compactMap { consent(in: $0, own: own) }
        return all.contains(false) ? false : all.first
    }

    /// Returns the words of a text in one form: small letters without accents, one blank between them.
    private static func folded(_ text: String) -> String {
        var scalars = String.UnicodeScalarView()
        let plain = text.precomposedStringWithCompatibilityMapping
            .folding(options: [.caseInsensitive, .diacriticInsensitive, .widthInsensitive], locale: nil)
        for scalar in plain.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .format,
                .nonspacingMark where !isVowelSign(scalar):
                continue
            case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .otherLetter, .decimalNumber, .nonspacingMark,
                .spacingMark:
                scalars.append(unified(scalar))
            // The tatweel stretches Arabic words; other modifiers belong to them.
            case .modifierLetter: if scalar != "\u{640}" { scalars.append(scalar) }
            // An apostrophe joins: "don't" is one word.
            default: if scalar != "'" && scalar != "’" { scalars.append(" ") }
            }
        }
        return String(scalars).split(separator: " ").joined(separator: " ")
    }

    /// Returns true for the signs by which scripts of India and Southeast Asia write vowels; other marks are accents.
    private static func isVowelSign(_ scalar: Unicode.Scalar) -> Bool { (0x0900...0x1FFF).contains(scalar.value) }

    /// Returns one letter for those that people write for each other.
    private static func unified(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        switch scalar {
        case "أ", "إ", "آ", "ٱ": "ا"
        case "ى", "ی": "ي"
        case "ک": "ك"
        case "ة": "ه"
        case "ё": "е"
        case "ı": "i"
        case "đ": "d"
        default: scalar
        }
    }

    /// Returns a phrase without polite words at its ends, without repetitions, and without blanks between single letters.
    private static func withoutCourtesy(_ phrase: String) -> String {
        var phrase = phrase
        var isChanged = true
        while isChanged {
            isChanged = false
            for word in courtesy {
                if phrase.hasPrefix(word + " ") {
                    phrase.removeFirst(word.count + 1)
                    isChanged = true
                }
                if phrase.hasSuffix(" " + word) {
                    phrase.removeLast(word.count + 1)
                    isChanged = true
                }
            }
        }
        let words = phrase.split(separator: " ")
        // S T O P
        if words.count > 2, words.allSatisfy({ $0.count == 1 }) { return words.joined() }
        var once: [Substring] = []
        for word in words where word != once.last { once.append(word) }
        return once.joined(separator: " ")
    }

    private static func phrases(_ text: String) -> Set<String> {
        Set(text.split(whereSeparator: { $0 == "\n" || $0 == "|" }).map { folded(String($0)) })
    }

    private static let courtesy: [String] = Array(
        phrases(
            """
            ok|okay|please|pls|plz|thanks|thank you|kindly|hi|hello|por favor|porfavor|gracias|obrigado|obrigada|s'il vous plait|svp|merci
            bitte|danke|per favore|grazie|tafadhali|asante|tolong|mohon|пожалуйста|спасибо|من فضلك|شكرا|कृपया|请
            """
        )
    )

    /// Words and labels for opting out, by language.
    ///
    /// Words with other common meanings are left out: "cancel" may be about an appointment, and is a label of buttons.
    /// Labels are those that WhatsApp's own pages and large providers recommend for buttons.
    private static let optOut = phrases(
        """
        stop|stopall|stop all|stop it|stop now|stop this|quit|end|unsubscribe|unsubscribe me|unsubscribe all|unsubscribe from all
        unsubscribe from promos|unsubscribe from promotions|unsubscribe from marketing|unsubscribe from offers|unsub|un subscribe|optout
        opt out|opt me out|i want to opt out|i opt out|stop promotions|stop promotion|stop promos|stop promo|stop marketing
        stop ads|stop offers|stop updates|stop messages|stop all messages|stop messaging|stop messaging me|stop message
        stop sending|stop sending messages|stop sending me messages|stop sending me message|stop sending me this
        stop texting|stop texting me|stop contacting me|stop spam|stop spamming|stop spamming me|stop subscription
        stop receiving|stop receiving messages|stop notifications|stop alerts|no more messages|no more|no more promotions
        remove me|remove me from the list|remove me from your list|remove me from this list|take me off the list
        take me off your list|remove my number|delete my number|leave me alone|do not contact me|dont contact me
        do not message me|dont message me|do not text me|dont text me|do not send me messages|dont send me messages
        i want to unsubscribe|i wish to unsubscribe|i would like to unsubscribe|not interested stop|revoke|revoke consent

        baja|darse de baja|darme de baja|dar de baja|dame de baja|quiero darme de baja|de baja|alto|parar mensajes|detener
        detener promociones|detener mensajes|dejar de recibir|dejar de recibir mensajes|dejar de recibir promociones|no mas mensajes
        no mas|no enviar mas|no quiero mas mensajes|no quiero recibir mensajes|no quiero recibir mas mensajes|cancelar suscripcion
        cancelar la suscripcion|anular suscripcion|desuscribir|desuscribirme|desuscribirse|eliminar suscripcion|no molestar
        borrarme|eliminarme|salir de la lista

        parar|pare|parem|sair|sair da lista|quero sair|quero sair da lista|descadastrar|descadastre|me descadastre|descadastro
        cancelar inscricao|cancelar assinatura|cancelar subscricao|remover|me remova|remover da lista|me tire da lista
        nao quero mais|nao quero receber|nao quero mais receber|nao quero receber mensagens|nao quero mais receber mensagens
        parar de receber|parar promocoes|parar mensagens|pare de enviar|pare de enviar mensagens|nao enviar mais
        nao me envie mais mensagens|deixar de receber|bloquear promocoes|desinscrever

        arret|arreter|arretez|stopper|desabonner|me desabonner|se desabonner|desabonnement|desabonnez moi|je me desabonne
        desinscrire|me desinscrire|se desinscrire|desinscription|ne plus recevoir|ne plus recevoir de messages|plus de messages
        arreter les messages|arretez les messages|arreter les promotions|arreter les promos|je ne veux plus recevoir de messages

        abmelden|abmeldung|abbestellen|stopp|stoppen|austragen|abmelden bitte|newsletter abmelden|keine nachrichten mehr
        keine werbung|keine werbung mehr|werbung stoppen|nicht mehr schreiben|aufhoren|bitte abmelden|ich mochte mich abmelden
        disiscrivi|disiscrivimi|disiscriviti|disiscrivermi|annulla iscrizione|cancellami|cancella iscrizione|basta messaggi
        non inviare piu|non voglio piu messaggi|stop messaggi|stop promozioni|rimuovimi
        afmelden|uitschrijven|stop berichten|geen berichten meer|afmelden graag|avsluta|avregistrera|sluta|avmeld|meld av
        avmelding|slutt|afmeld|framelding|afmelding|lopeta|peruuta tilaus|poista|en halua viesteja
        wypisz|wypisz mnie|rezygnuje|rezygnacja|koniec|odhlasit|odhlasit se|zrusit odber|leiratkozas|leiratkozom|dezabonare
        dezaboneaza ma|ma dezabonez|отписка|odjava|odjavi me|odjavi|διαγραφη|διακοπη|σταματημα|στοπ
        стоп|отписаться|отпишите|отпишите меня|отписать|не писать|не пишите|не пишите мне|больше не пишите|хватит|прекратить
        відписатися|відписатись|відпишіть мене|припинити|отпиши ме|спри|отписване
        dur|durdur|iptal et aboneligi|abonelikten cik|abonelikten cikmak istiyorum|uyelikten cik|ret|istemiyorum mesaj
        mesaj gonderme|mesaj istemiyorum

        إيقاف|توقف|أوقف|أوقفوا|قف|الغاء الاشتراك|إلغاء الاشتراك|الغ الاشتراك|إلغاء اشتراكي|إيقاف الرسائل|إيقاف العروض
        أوقف الرسائل|لا ترسل|لا ترسلوا|لا أريد رسائل|لا اريد استقبال الرسائل|ستوب|لغو|لغو اشتراک|لغو اشتراك|توقف ارسال
        בטל הרשמה|הסר|הסר אותי|הסירו אותי|הסרה|להסרה|עצור|די|סטופ|הפסק

        रोकें|रोको|बंद करो|बंद करें|बंद कीजिए|सदस्यता समाप्त करें|अनसब्सक्राइब|मैसेज बंद करो|संदेश बंद करें|स्टॉप|मत भेजो
        বন্ধ করুন|বন্ধ|থামুন|আনসাবস্ক্রাইব|நிறுத்து|நிறுத்தவும்|ఆపండి|ఆపు|थांबवा|बंद करा|બંધ કરો|ਬੰਦ ਕਰੋ|ನಿಲ್ಲಿಸಿ|നിർത്തുക|بند کرو|بند کریں|روکیں

        berhenti|henti|hentikan|stop promosi|berhenti berlangganan|batal langganan|batalkan langganan|jangan kirim lagi
        jangan hubungi saya|jangan kirim pesan|nyahlanggan|berhenti melanggan
        dung lai|huy dang ky|tu choi|ngung nhan tin|khong nhan tin|หยุด|ยกเลิกการรับข่าวสาร|เลิกรับข้อความ|ยกเลิกสมาชิก
        itigil|tigil|huwag na magtext|tama na|ayoko na
        退订|请退订|請退訂|停止|取消订阅|取消訂閱|退訂|不要再发|不要再发了|停止发送|停止推送|别发了|td|拒收
        配信停止|停止する|登録解除|解除|配信解除|ストップ|退会|수신거부|수신 거부|구독취소|구독 취소|중지|그만|해지

        acha|sitisha|simamisha|ondoa|niondoe|jiondoe|acha kutuma|acha kutuma ujumbe|sitaki|sitaki ujumbe|usitume tena|komesha
        yeka|emisa|ngiyeke|hou op|stop asseblief|teken uit|tsaya|daina|daina turawa|dakata|da duro|dawo duro|kwusi
        አቁም|ይቁም|jooji|dhaaf|joogso|tika|tsoha|tlogela|emisa melaetsa|kureka|hagarika|lekera awo|koma

        stop sending these|stop sending me these|no more texts|stop msg|stop sms|unsuscribe|unsubscibe|take me off this list|take me off your list please
        remove my number from your list|remove my number from the list|i dont want these messages|i do not want these messages|i dont want messages
        ya no me escriban|no me escriban mas|no me escriba mas|no me manden mas mensajes|no me envien mas mensajes|quitame de la lista
        pare de me mandar mensagem|pare de me mandar mensagens|nao me mande mais mensagem|nao me mande mais mensagens|tire meu numero da lista
        arretez de m'ecrire|arrete de m'ecrire|ne m'ecrivez plus|ne m'envoyez plus de messages|stop aux messages|retirez moi de la liste
        nicht mehr anschreiben|schreibt mir nicht mehr|losch meine nummer|loschen sie meine nummer|non scrivetemi piu|non mandatemi piu messaggi
        niet meer sturen|stuur geen berichten meer|sluta skicka|skicka inte mer|przestancie pisac|nie piszcie do mnie|prosze nie pisac
        больше не присылайте|не присылайте мне сообщения|удалите мой номер|більше не пишіть|не пишіть мені
        لا ترسلوا لي رسائل|لا ترسل لي رسائل|لا تراسلوني|मैसेज मत भेजो|संदेश मत भेजें|मुझे मैसेज मत करो|mesaj atmayin|mesaj gondermeyin|bana mesaj atma
        jangan kirim pesan lagi|stop kirim pesan|usinitumie ujumbe|msinitumie ujumbe|acheni kutuma ujumbe|msitume tena
        dung nhan tin nua|dung gui tin nhan nua|不要再发消息|不要再发信息|别再发了|もう送らないで|もう送らないでください|메시지 보내지 마세요|그만 보내세요
        """
    )

    /// Words and labels for opting in again.
    private static let optIn = phrases(
        """
        start|unstop|un stop|subscribe|subscribe me|resubscribe|opt in|optin|opt me in|start messages|resume messages
        start promotions|resume promotions|alta|darme de alta|darse de alta|suscribir|suscribirme|suscribirse|inscrever
        quero receber|me inscreva|cadastrar|s'abonner|m'abonner|abonner|je m'abonne|inscription|anmelden|abonnieren|iscrivimi
        iscriviti|aanmelden|inschrijven|старт|подписаться|подпишите меня|підписатися|اشتراك|اشترك|ابدأ|शुरू|शुरू करें|सदस्यता लें
        langganan|berlangganan|mulai|订阅|訂閱|配信再開|구독|anza|jiunge|nijiunge|jiandikishe
        """
    )
}
