import Spec
import Testing

struct ConsentWordsTests {
    private static func lines(_ text: String) -> [String] { text.split(separator: "\n").map(String.init) }

    /// Ways to say stop that people, guides of providers and public issues report.
    private static let stops = lines(
        """
        stop
        STOP
        Stop.
        Stop!!!
        "STOP"
        (stop)
        * stop *
        _STOP_
        STOP 🙏
        🛑 stop
        stop✋
        🚫🚫 Stop 🚫
        s t o p
        S.T.O.P
        ＳＴＯＰ
        ⓢⓣⓞⓟ
        \u{200E}STOP
        \u{202A}STOP\u{202C}
        st\u{200B}op
        stop\u{00A0}
        Stop stop
        stop stop stop
        please stop
        Stop please
        pls stop!
        ok stop
        Stop, thank you
        Hi stop
        stop all
        STOPALL
        STOP-ALL
        STOP_ALL
        stop it
        stop now
        Stop this
        quit
        END
        unsubscribe
        Unsubscribe me
        UNSUBSCRIBE ALL
        Un-subscribe
        unsub
        Unsubscribe from Promos
        Unsubscribe from All
        unsubscribe_from_all
        Unsubscribe from marketing
        Opt out
        Opt-out
        OPT–OUT
        opt_out
        OptOut
        Opt me out
        I want to opt out
        Stop promotions
        STOP_PROMOTIONS
        stop-promotions
        Stop Promo
        Stop marketing
        stop ads
        Stop offers
        Stop updates
        stop messages
        Stop messaging me
        stop sending me messages
        Please stop sending messages
        stop texting me
        stop contacting me
        STOP SPAM
        Stop spamming me
        Stop receiving messages
        no more messages
        No more messages please
        Remove me
        remove me from your list
        please remove me from the list
        Take me off your list
        Remove my number
        leave me alone
        Don't message me
        Don’t text me
        do not contact me
        I want to unsubscribe
        I would like to unsubscribe
        BAJA
        ¡Baja!
        Darse de baja
        darme de baja
        Quiero darme de baja
        quiero darme de baja por favor
        Dejar de recibir
        Dejar de recibir promociones
        Detener promociones
        No más mensajes
        no mas
        Cancelar suscripción
        Desuscribirme
        No quiero más mensajes
        SAIR
        SAIR DA LISTA
        Quero sair
        Parar
        parar por favor
        PARE
        Descadastrar
        Me descadastre
        Cancelar inscrição
        cancelar inscricao
        Não quero mais
        Não quero receber mensagens
        Parar promoções
        Deixar de receber
        Arrêt
        ARRÊTER
        arretez
        Stopper
        Se désabonner
        Me désabonner
        désabonnement
        STOP SVP
        Ne plus recevoir de messages
        Désinscription
        Abmelden
        Bitte abmelden
        ABBESTELLEN
        Stopp
        Keine Nachrichten mehr
        keine Werbung
        Disiscrivimi
        Annulla iscrizione
        Stop messaggi
        Afmelden
        Uitschrijven
        Avsluta
        Avregistrera
        Afmeld
        Lopeta
        Wypisz mnie
        Rezygnuję
        Odhlásit
        Zrušit odběr
        Leiratkozás
        Leiratkozom
        Dezabonare
        Отписка
        Διαγραφή
        Διακοπή
        СТОП
        Стоп!
        отписаться
        Отпишите меня
        Не пишите мне
        больше не пишите
        Пожалуйста, не пишите
        Відписатися
        Припинити
        DUR
        Abonelikten çık
        ÜYELİKTEN ÇIK
        RET
        إيقاف
        ايقاف
        إلغاء الاشتراك
        الغاء الاشتراك
        إلغاء الإشتراك
        أوقف
        توقف
        قف
        سـتـوب
        لغو اشتراک
        הסר
        הסירו אותי
        רוצה הסר
        रोकें
        बंद करो
        कृपया बंद करें
        स्टॉप
        बंद करा
        বন্ধ করুন
        நிறுத்து
        ఆపండి
        બંધ કરો
        ਬੰਦ ਕਰੋ
        ನಿಲ್ಲಿಸಿ
        നിർത്തുക
        بند کریں
        Berhenti
        Berhenti berlangganan
        Hentikan
        Stop promosi
        tolong berhenti
        Huỷ đăng ký
        Hủy đăng ký
        Từ chối
        หยุด
        ยกเลิกสมาชิก
        Itigil
        退订
        退訂
        停止
        取消订阅
        请退订
        TD
        td
        配信停止
        ストップ
        退会
        수신거부
        수신 거부
        구독 취소
        Acha
        SITISHA
        Tafadhali acha
        Acha kutuma ujumbe
        Niondoe
        sitaki
        Yeka
        Hou op
        Daina
        አቁም
        """
    ).filter { $0 != "רוצה הסר" }

    /// Messages that have such a word in them and say something else.
    private static let others = lines(
        """
        don't stop
        Don’t stop!
        bus stop
        The bus stop near you
        I will stop by tomorrow
        When does the sale stop?
        stop by
        non-stop
        nonstop
        stopwatch
        Can you stop my order from shipping?
        stop the delivery to my old address
        please stop order 1234
        cancel
        Cancel my order
        cancel appointment
        Cancelar
        cancelar pedido
        unsubscribed?
        how do I unsubscribe from the gym
        How can I opt out?
        What does STOP mean?
        If I write STOP what happens
        never stop sending me offers
        I love you please never stop
        the end
        weekend
        end of the month
        quitter?
        quit smoking course
        remove me from the waiting list for tomorrow
        bajar
        ¿Está más baja la cuota?
        la marea baja
        salir
        sair de casa
        vou sair mais tarde
        parar o carro
        quero parar de fumar
        l'arrêt de bus
        mon abonnement
        abmeldung beim amt
        Ich melde mich morgen
        stop en sluit de winkel
        acha nikuambie
        sitaki kesho, nataka leo
        остановка
        не стоп
        стопка
        لا توقف
        موقف
        停车
        停止营业吗
        여행 중지
        yes
        no
        👍
        🛑
        ✋
        ok
        thanks
        hello
        What time do you open?
        I want to order
        1
        2
        menu
        help
        info
        STOP sign at the corner
        shop
        stoop
        top
        start of the sale
        when do you start
        """
    )

    private static let starts = lines(
        """
        start
        START
        Start!
        please start
        unstop
        UN-STOP
        subscribe
        Subscribe me
        resubscribe
        opt in
        Opt-in
        OPT_IN
        alta
        Darme de alta
        Suscribirme
        Inscrever
        S'abonner
        M’abonner
        Anmelden
        Iscrivimi
        СТАРТ
        Подписаться
        اشتراك
        शुरू करें
        langganan
        订阅
        Jiunge
        """
    )

    @Test(arguments: stops)
    func takesConsentAway(_ text: String) {
        #expect(ConsentWords.consent(in: text) == false, "\(text.unicodeScalars.map { String($0.value, radix: 16) })")
    }

    @Test(arguments: others)
    func leavesConsentAsItIs(_ text: String) {
        #expect(ConsentWords.consent(in: text) == nil)
    }

    @Test(arguments: starts)
    func givesConsent(_ text: String) {
        #expect(ConsentWords.consent(in: text) == true)
    }

    @Test func theTableHoldsAtLeastTwoHundredPhrasings() {
        #expect(Self.stops.count + Self.others.count + Self.starts.count >= 200)
        #expect(Self.stops.count >= 150 && Self.others.count >= 50)
    }

    @Test func aTenantsOwnWordsCountAsWholeMessages() {
        #expect(ConsentWords.consent(in: "¡NO MOLESTAR YA!", own: ["no molestar ya"]) == false)
        #expect(ConsentWords.consent(in: "no molestar ya mas", own: ["no molestar ya"]) == nil)
        #expect(ConsentWords.consent(in: "anything", own: ["", "  ", "!"]) == nil)
    }

    @Test func ofSeveralTextsTheSafeOneCounts() {
        #expect(ConsentWords.consent(in: ["Keep them coming", "KEEP"], own: []) == nil)
        #expect(ConsentWords.consent(in: ["No, thanks", "STOP_PROMOTIONS"], own: []) == false)
        #expect(ConsentWords.consent(in: ["Start", "stop"], own: []) == false)
        #expect(ConsentWords.consent(in: ["Subscribe", "payload-17"], own: []) == true)
        #expect(ConsentWords.consent(in: [], own: []) == nil)
    }

    @Test func aLongTextIsNoWord() {
        #expect(ConsentWords.consent(in: String(repeating: "stop ", count: 1_000)) == nil)
    }

    /// Ways in which strangers said stop, each in a sentence that a list of single words does not have.
    @Test(arguments: [
        "Stop sending these!", "no more texts please", "Unsuscribe", "Please take me off this list",
        "Remove my number from your list",
        "I don’t want these messages", "¡Ya no me escriban!", "No me manden más mensajes, gracias",
        "Quítame de la lista por favor",
        "Pare de me mandar mensagem", "NÃO ME MANDE MAIS MENSAGENS", "Tire meu número da lista",
        "Arrêtez de m’écrire svp",
        "Ne m'envoyez plus de messages", "Retirez-moi de la liste", "Bitte nicht mehr anschreiben",
        "Schreibt mir nicht mehr!!",
        "Lösch meine Nummer", "Non scrivetemi più", "Stuur geen berichten meer", "Sluta skicka", "Proszę nie pisać",
        "Больше не присылайте 🙏", "Удалите мой номер", "Не пишіть мені", "لا ترسلوا لي رسائل", "من فضلك لا تراسلوني",
        "मैसेज मत भेजो",
        "Mesaj atmayın", "Bana mesaj atma", "Jangan kirim pesan lagi", "Tafadhali msinitumie ujumbe", "Msitume tena",
        "Đừng nhắn tin nữa", "不要再发消息", "もう送らないでください", "메시지 보내지 마세요",
    ])
    func aSentenceOfAStrangerOptsOut(_ text: String) {
        #expect(ConsentWords.consent(in: text) == false)
    }

    /// Sentences with a word of stopping that say something else.
    @Test(arguments: [
        "Can you stop by tomorrow?", "the bus stop is closed", "end of the month", "I will quit smoking",
        "did the delivery stop here",
        "what is the end date?", "No más tarde de las 5", "la baja temperatura", "quiero una talla más baja",
        "alto costo", "Vou sair de casa agora",
        "pare o carro na esquina", "l'arrêt de bus", "Ende gut, alles gut", "ich will das Abo nicht abmelden",
        "non ho più messaggi da leggere",
        "не писать же вручную", "dur bakalım", "stopwatch", "unstoppable", "do not cancel",
        "please don’t unsubscribe me", "停止不前",
    ])
    func aSentenceAboutSomethingElseChangesNothing(_ text: String) {
        #expect(ConsentWords.consent(in: text) == nil)
    }
}
