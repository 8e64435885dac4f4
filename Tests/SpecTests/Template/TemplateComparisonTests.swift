import JSON
import Spec
import Testing

/// Templates as they are wished, compared with what WhatsApp returns of them.
struct TemplateComparisonTests {
    /// Returns components as WhatsApp returns them: in another order, files as addresses, codes as links, examples of its own.
    private static func returned(_ components: JSONValue) -> JSONValue {
        .array((components.arrayValue ?? []).reversed().map(component))
    }

    private static func component(_ component: JSONValue) -> JSONValue {
        guard var fields = component.fields else { return component }
        switch fields["type"] {
        case "HEADER":
            fields["example"] =
                fields["format"] == "TEXT"
                ? ["header_text": ["Tuesday"]] : ["header_handle": ["https://scontent.example/v/t61.jpg?oe=1"]]
        case "BODY":
            if fields["add_security_recommendation"] != nil {
                fields = ["type": "BODY", "text": "*{{1}}* is your verification code."]
            }
            fields["example"] = ["body_text": [["other", "examples"]]]
        case "FOOTER":
            if let minutes = fields["code_expiration_minutes"]?.integerValue {
                fields["text"] = .string("This code expires in \(minutes) minutes.")
            }
        case "BUTTONS": fields["buttons"] = .array((fields["buttons"]?.arrayValue ?? []).map(button))
        case "CAROUSEL":
            let cards = fields["cards"]?.arrayValue ?? []
            fields["cards"] = .array(cards.map { ["components": returned($0["components"] ?? [])] })
        default: break
        }
        return .object(fields)
    }

    private static func button(_ button: JSONValue) -> JSONValue {
        guard var fields = button.fields else { return button }
        switch fields["type"] {
        case "OTP":
            let kind = fields["otp_type"]?.stringValue ?? ""
            let url = "https://www.whatsapp.com/otp/code/?otp_type=\(kind)&cta_display_name=Fill%20in&code=otp{{1}}"
            return ["type": "URL", "text": "Copy code", "url": .string(url)]
        case "COPY_CODE": fields["text"] = "Copy offer code"
        case "PHONE_NUMBER":
            fields["phone_number"] = fields["phone_number"]?.stringValue.map { .string($0.filter(\.isNumber)) }
        case "FLOW": fields["flow_id"] = fields["flow_id"]?.stringValue.flatMap { Int($0) }.map(JSONValue.integer)
        default: break
        }
        fields["example"] = nil
        return .object(fields)
    }

    private static func compare(_ text: String, _ change: (JSONValue) -> JSONValue) throws -> TemplateComparison {
        let submission = TemplateSubmission(try WholeTemplates.spec(text), handles: ["header": "4::aW"])
        return TemplateComparison(
            of: submission.wish,
            with: change(returned(submission.components)),
            ttlSeconds: submission.wish["message_send_ttl_seconds"]?.integerValue
        )
    }

    @Test(arguments: WholeTemplates.all)
    func whatWhatsAppReturnsOfATemplateEqualsIt(text: String) throws {
        #expect(try Self.compare(text) { $0 }.differences == [])
    }

    /// A template without variables, and one with two numbers written with blanks.
    @Test func numbersAndBareHostsAreWrittenInSeveralWays() throws {
        let text = """
            kind: Template
            name: call
            whatsappName: call
            language: en
            category: utility
            body: Call us at any time.
            buttons:
              - { type: phone, text: Call, phoneNumber: "+254 700 100 200" }
              - { type: url, text: Look, url: "https://acme.example" }
            """
        let comparison = try Self.compare(text) { components in
            let other = components.canonicalText.replacing("https://acme.example", with: "https://acme.example/")
            return (try? JSONValue(parsing: other)) ?? .null
        }
        #expect(comparison.isEqual, "\(comparison.differences)")
    }

    /// Another text in any part, beside its examples, is one difference in exactly this part.
    @Test(arguments: [
        (WholeTemplates.image, "starts on", "body"), (WholeTemplates.image, "Reply STOP", "footer"),
        (WholeTemplates.image, "shop.example/{{1}}", "buttons[0].url"),
        (WholeTemplates.image, "\"Later", "buttons[1].text"),
        (WholeTemplates.named, "is booked", "header"), (WholeTemplates.offer, "Ends soon", "offer.text"),
        (WholeTemplates.carousel, "Bags of", "cards[1].body"),
        (WholeTemplates.carousel, "Shoes for", "cards[0].body"), (WholeTemplates.code, "ONE_TAP", "buttons[0].otpType"),
        (WholeTemplates.code, "\"code_expiration_minutes\":10", "footer.codeExpiry"),
        (WholeTemplates.place, "1018", "buttons[0].flowId"),
        (WholeTemplates.place, "data_exchange", "buttons[0].action"),
        (WholeTemplates.place, "DAYS", "buttons[0].screen"), (WholeTemplates.place, "View", "buttons[1].text"),
        (WholeTemplates.products, "View items", "buttons[0].text"),
        (WholeTemplates.contact, "Call us", "buttons[0].text"),
    ])
    func anotherTextIsADifference(text: String, old: String, part: String) throws {
        let comparison = try Self.compare(text) { components in
            let plain = components.canonicalText
            guard let place = plain.firstRange(of: old) else { return .null }
            let new = old.replacing(/[A-Za-z0-9](?=[^A-Za-z0-9]*$)/, with: "9")
            return (try? JSONValue(parsing: plain.replacingCharacters(of: place, with: new))) ?? .null
        }
        #expect(comparison.differences.map(\.part) == [part], "\(comparison.differences)")
        #expect(comparison.differences.allSatisfy { $0.wanted != nil && $0.found != nil && $0.wanted != $0.found })
    }

    @Test func anotherKindOfFileIsADifference() throws {
        let comparison = try Self.compare(WholeTemplates.image) { components in
            (try? JSONValue(parsing: components.canonicalText.replacing("\"IMAGE\"", with: "\"VIDEO\""))) ?? .null
        }
        #expect(comparison.differences.map(\.part) == ["header.format"])
    }

    @Test func partsThatOnlyOneSideHasAreDifferences() throws {
        let less = try Self.compare(WholeTemplates.image) { components in
            .array((components.arrayValue ?? []).filter { $0["type"] != "FOOTER" })
        }
        #expect(less.differences.map(\.words) == ["footer is absent at WhatsApp, and \"Reply STOP to leave\" here"])
        let more = try Self.compare(WholeTemplates.named) { components in
            .array((components.arrayValue ?? []) + [["type": "FOOTER", "text": "By hand"]])
        }
        #expect(more.differences.map { [$0.part, $0.wanted, $0.found] } == [["footer", nil, "By hand"]])
        let permission = try Self.compare(WholeTemplates.permission) { components in
            .array((components.arrayValue ?? []).filter { $0["type"] != "CALL_PERMISSION_REQUEST" })
        }
        #expect(permission.differences.map(\.words) == ["callPermission is absent at WhatsApp, and \"true\" here"])
        let unread = try Self.compare(WholeTemplates.named) { _ in .array([]) }
        #expect(unread.differences.map(\.part) == ["body", "header"])
    }

    /// What specs cannot describe is named, and is never a difference.
    @Test(arguments: [
        (#"[{"type":"TAP_TARGET_CONFIGURATION","url":"x"}]"#, ["TAP_TARGET_CONFIGURATION"]),
        (#"[{"type":"BUTTONS","buttons":[{"type":"REMINDER","text":"Later"}]}]"#, ["buttons[0] (REMINDER)"]),
        (#"[{"type":"HEADER","format":"GIF"}]"#, ["header (GIF)"]),
        (
            #"[{"type":"CAROUSEL","cards":[{"components":[{"type":"SONG"},{"type":"BUTTONS","buttons":[{}]}]}]}]"#,
            ["cards[0].SONG", "cards[0].buttons[0] (without a type)"]
        ),
        (#"[{"text":"what"}]"#, ["part without a type"]),
    ])
    func unknownPartsAreNoDifferences(more: String, parts: [String]) throws {
        let foreign = try Self.compare(WholeTemplates.permission) { components in
            .array((components.arrayValue ?? []) + ((try? JSONValue(parsing: more))?.arrayValue ?? []))
        }
        #expect(foreign.differences == [] && foreign.isEqual && foreign.unknownParts == parts)
        // Nor is a part that stands in its place; others are.
        let other = try Self.compare(WholeTemplates.image) { components in
            let gone = (components.arrayValue ?? []).filter { $0["type"] == "FOOTER" }
            return .array(gone + ((try? JSONValue(parsing: more))?.arrayValue ?? []))
        }
        #expect(other.differences.contains { $0.part == "body" } && !other.unknownParts.isEmpty)
        #expect(other.differences.contains { $0.part == "header.format" } == !more.contains("GIF"))
    }

    /// A button for payments stands before those that specs can describe.
    @Test func buttonsAreComparedByTheirPlaceAmongThoseThatAreKnown() throws {
        let spec = try WholeTemplates.spec(
            """
            kind: Template
            name: bill
            whatsappName: bill
            language: en
            category: utility
            body: Your bill is ready.
            buttons:
              - { type: url, text: See it, url: "https://shop.acme.example/bill" }
            """
        )
        let request = TemplateSubmission(spec).request
        func compare(_ text: String) -> TemplateComparison {
            let payment: JSONValue = ["type": "ORDER_DETAILS", "text": "Review and pay"]
            let link: JSONValue = ["type": "URL", "text": .string(text), "url": "https://shop.acme.example/bill"]
            return TemplateComparison(
                of: request,
                with: [
                    ["type": "BODY", "text": "Your bill is ready."], ["type": "BUTTONS", "buttons": [payment, link]],
                ]
            )
        }
        #expect(compare("See it").isEqual && compare("See it").unknownParts == ["buttons[0] (ORDER_DETAILS)"])
        #expect(compare("Look").differences.map(\.part) == ["buttons[0].text"])
    }

    @Test func formatAndLifetimeAreComparedWhereTheyAreKnown() throws {
        let named = TemplateSubmission(try WholeTemplates.spec(WholeTemplates.named))
        func parts(_ format: String?, category: String? = nil, ttl: Int? = nil, _ request: JSONValue) -> [String] {
            TemplateComparison(
                of: request,
                with: request["components"] ?? [],
                parameterFormat: format,
                category: category,
                ttlSeconds: ttl
            )
            .differences.map(\.part)
        }
        #expect(parts("named", named.request) == [] && parts(nil, named.request) == [])
        #expect(parts("POSITIONAL", named.request) == ["parameterFormat"])
        let place = TemplateSubmission(try WholeTemplates.spec(WholeTemplates.place)).request
        #expect(place["message_send_ttl_seconds"] == -1)
        #expect(parts("POSITIONAL", category: "UTILITY", ttl: 2_592_000, place) == [])
        #expect(parts(nil, category: "utility", ttl: 60, place) == ["ttl"])
        #expect(parts(nil, category: "utility", place) == ["ttl"])
        // WhatsApp clears the lifetime when it changes the category.
        #expect(parts(nil, category: "MARKETING", place) == [])
    }

    @Test func aWishCarriesItsFiles() throws {
        let spec = try WholeTemplates.spec(WholeTemplates.carousel)
        let wish = TemplateSubmission(spec).wish
        let samples = TemplateSubmission.samples(ofWish: wish)
        #expect(samples == TemplateSubmission.samples(of: spec) && samples.count == 2)
        let handles = ["card.0.header": "4::a", "card.1.header": "4::b"]
        #expect(
            TemplateSubmission.request(ofWish: wish, handles: handles)
                == TemplateSubmission(spec, handles: handles).request
        )
        let image = try WholeTemplates.spec(WholeTemplates.image)
        #expect(
            TemplateSubmission.request(ofWish: TemplateSubmission(image).wish, handles: ["header": "4::aW"])
                == TemplateSubmission(image, handles: ["header": "4::aW"]).request
        )
    }

    @Test func versionsOfNamesAreRecognised() {
        #expect(TemplateVersion.name(2, of: "welcome_offer") == "welcome_offer_v2")
        #expect(TemplateVersion.number(of: "welcome_offer_v12", base: "welcome_offer") == 12)
        #expect(TemplateVersion.number(of: "welcome_offer", base: "welcome_offer") == 1)
        for other in [
            "welcome_offer_v1", "welcome_offer_v02", "welcome_offer_v", "welcome", "offer_v2", "welcome_offer2",
        ] {
            #expect(TemplateVersion.number(of: other, base: "welcome_offer") == nil, "\(other)")
        }
        // A name that has a number already goes on from there; a day is none.
        #expect(TemplateVersion.name(2, of: "promo_v2") == "promo_v3")
        #expect(TemplateVersion.number(of: "promo_v4", base: "promo_v2") == 3)
        #expect(TemplateVersion.number(of: "promo_v1", base: "promo_v2") == nil)
        #expect(TemplateVersion.name(2, of: "promo_v20261130") == "promo_v20261130_v2")
        #expect(TemplateVersion.name(1, of: "promo_v2") == "promo_v2")
        let long = String(repeating: "a", count: 512)
        let next = TemplateVersion.name(2, of: long)
        #expect(next.count == 512 && TemplateVersion.number(of: next, base: long) == 2)
    }
}

extension String {
    fileprivate func replacingCharacters(of range: Range<String.Index>, with text: String) -> String {
        String(self[..<range.lowerBound]) + text + String(self[range.upperBound...])
    }
}
