import Spelling
import YAML

/// The limits of WhatsApp that concern several parts of a template.
struct TemplateLimits {
    let spec: TemplateSpec

    /// Reports what WhatsApp certainly refuses.
    func check(_ reader: FieldReader) {
        func report(_ path: [String], _ message: String, _ help: String? = nil) {
            var place = reader.peek(path[0])
            for step in path.dropFirst() {
                let next = place.flatMap { place in
                    Int(step).flatMap { index in
                        place.node.sequence.flatMap { $0.indices.contains(index) ? $0[index] : nil }
                    }
                        ?? place.node.mapping?[step]
                }
                if let next, let outer = place { place = ReadNode(next, key: step, in: outer.field) }
            }
            let range = place?.range ?? reader.node.range
            reader.sink.report(
                .templateLimit,
                at: range,
                field: place?.field ?? reader.field(path[0]),
                message,
                help: help
            )
        }
        var found = otherCategory + offer + carousel + callPermission + [style, lifetime].compactMap(\.self)
        if !hasBrokenParts(reader) { found += products + addressStyle + wrongExamples }
        for finding in found { report(finding.path, finding.message, finding.help) }
    }

    /// Returns true if a part was reported and is missing here, so that the variables are not all known.
    private func hasBrokenParts(_ reader: FieldReader) -> Bool {
        func isBroken(_ node: YAMLNode?, _ buttons: [TemplateButton]) -> Bool {
            node.map { $0.sequence?.count != buttons.count } ?? false
        }
        let cards = reader.peek("cards")?.node
        return reader.has("header") && spec.top == nil || reader.has("body") && spec.body.isEmpty
            || reader.has("otp") && spec.otp == nil || isBroken(reader.peek("buttons")?.node, spec.buttons)
            || cards.map { $0.sequence?.count != spec.cards.count } ?? false
            || zip(cards?.sequence.map(Array.init) ?? [], spec.cards).contains { node, card in
                node.mapping?["body"] != nil && card.body == nil || isBroken(node.mapping?["buttons"], card.buttons)
            }
    }

    private struct Finding {
        let path: [String]
        let message: String
        let help: String?

        init(_ path: String..., message: String, help: String? = nil) {
            self.init(path, message: message, help: help)
        }

        init(_ path: [String], message: String, help: String?) {
            (self.path, self.message, self.help) = (path, message, help)
        }
    }

    private var otherCategory: [Finding] {
        var found: [Finding] = []
        if spec.otp != nil {
            if spec.category != .authentication {
                found.append(
                    Finding("otp", message: "only `authentication` templates have `otp`", help: "change the category")
                )
            }
            if !spec.buttons.isEmpty {
                found.append(Finding("buttons", message: "a template with `otp` has no `buttons`", help: "remove them"))
            }
        }
        for (key, isThere) in [("offer", spec.offer != nil), ("cards", !spec.cards.isEmpty)]
        where isThere && spec.category != .marketing {
            found.append(Finding(key, message: "only `marketing` templates have `\(key)`", help: "change the category"))
        }
        for (index, button) in spec.buttons.enumerated() {
            let path = ["buttons", String(index)]
            switch button.kind {
            case .products where spec.category != .marketing, .product where spec.category != .marketing:
                let message = "only `marketing` templates have `\(button.kind.rawValue)` buttons"
                found.append(Finding(path, message: message, help: "change the category"))
            case .contactInfo where spec.category == .authentication:
                let message = "`authentication` templates have no `contactInfo` buttons"
                found.append(Finding(path, message: message, help: "change the category"))
            default: break
            }
        }
        return found
    }

    /// A product in the header and the button that opens it belong together.
    private var products: [Finding] {
        let index = spec.buttons.firstIndex { $0.kind == .product }
        switch (spec.top == .product, index) {
        case (true, nil):
            let help = "add `{ type: product, text: View }`"
            return [Finding("header", message: "a header with a product needs a `product` button", help: help)]
        case (false, let index?):
            let message = "a `product` button needs a product in the header"
            return [Finding(["buttons", String(index)], message: message, help: "write `header: { product: true }`")]
        default: return []
        }
    }

    private var callPermission: [Finding] {
        guard spec.callPermission == true else { return [] }
        var found: [Finding] = []
        if spec.category == .authentication {
            let message = "only `marketing` and `utility` templates have `callPermission`"
            found.append(Finding("callPermission", message: message, help: "change the category"))
        }
        let others = [("buttons", spec.buttons.isEmpty), ("cards", spec.cards.isEmpty), ("offer", spec.offer == nil)]
        for (key, isAbsent) in others where !isAbsent {
            let message = "a template with `callPermission` has no `\(key)`"
            found.append(Finding(key, message: message, help: "remove them, or `callPermission`"))
        }
        return found
    }

    private var offer: [Finding] {
        guard spec.offer != nil else { return [] }
        var found: [Finding] = []
        switch spec.top {
        case nil, .medium(.image, _), .medium(.video, _): break
        default:
            found.append(
                Finding(
                    "header",
                    message: "the header of an offer is an `image` or a `video`",
                    help: "use one, or none"
                )
            )
        }
        let count = spec.body.unicodeScalars.count
        if count > 600 {
            found.append(Finding("body", message: "the body of an offer has at most 600 characters, not \(count)"))
        }
        let kinds = spec.buttons.map(\.kind)
        let isOrdered =
            kinds.dropFirst().allSatisfy { $0 == .url } && [.copyCode, .url].contains(kinds.first ?? .phone)
        if !isOrdered {
            let message = "an offer has a `copyCode` button or none, and then `url` buttons"
            found.append(Finding(kinds.isEmpty ? "offer" : "buttons", message: message, help: "put them in this order"))
        }
        return found
    }

    private var carousel: [Finding] {
        guard let first = spec.cards.first else { return [] }
        var found: [Finding] = []
        if !spec.buttons.isEmpty {
            let help = "give them to the cards"
            found.append(Finding("buttons", message: "a carousel has no buttons of its own", help: help))
        }
        for (index, card) in spec.cards.enumerated() {
            func report(_ key: String, _ message: String, _ help: String) {
                found.append(Finding("cards", String(index), key, message: message, help: help))
            }
            if card.header.kind != first.header.kind {
                report("header", "all cards have the same kind of header", "use images, videos or products")
            }
            if (card.body == nil) != (first.body == nil) {
                report("body", "either all cards have a body, or none", "add those that are missing")
            }
            if card.buttons.map(\.kind) != first.buttons.map(\.kind) {
                report("buttons", "all cards have the same types of buttons, in the same order", "change them")
            }
            if card.buttons.isEmpty {
                report("buttons", "a card has one or two buttons", "add one")
            } else if card.header == .product {
                if card.buttons.count > 1 || ![.product, .url].contains(card.buttons[0].kind) {
                    report("buttons", "a card with a product has one button of type `product` or `url`", "use one")
                }
            } else if !card.buttons.allSatisfy({ [.quickReply, .url, .phone].contains($0.kind) }) {
                report("buttons", "buttons of cards are of type `quickReply`, `url` or `phone`", "use one of these")
            }
        }
        return found
    }

    /// One format of variables for the message and its cards.
    private var style: Finding? {
        let bodies = [spec.body] + spec.cards.compactMap(\.body)
        // Texts that cannot be parsed were reported.
        let styles = Set(
            bodies.compactMap { try? TemplateVariables($0) }.filter { !$0.names.isEmpty }.map(\.isPositional)
        )
        guard styles.count > 1 else { return nil }
        let texts = TemplateVariables.Problem.mixed.texts
        return Finding("cards", message: texts.message, help: texts.help)
    }

    /// The variables of addresses have the format of the others.
    private var addressStyle: [Finding] {
        let texts = [spec.headerText, spec.body].compactMap(\.self) + spec.cards.compactMap(\.body)
        let styles = texts.compactMap { try? TemplateVariables($0) }.filter { !$0.names.isEmpty }.map(\.isPositional)
        // Mixed texts, and those that cannot be parsed, were reported.
        guard let isPositional = styles.first ?? spec.addressVariables.first.map({ $0 == "1" }) else { return [] }
        let lists =
            [(path: [String](), buttons: spec.buttons)]
            + spec.cards.enumerated().map { (path: ["cards", String($0)], buttons: $1.buttons) }
        return lists.flatMap { path, buttons in
            buttons.enumerated().compactMap { index, button -> Finding? in
                guard let variable = button.variable, (variable == "1") != isPositional else { return nil }
                return Finding(
                    path + ["buttons", String(index), "url"],
                    message:
                        "the variables of the template have \(isPositional ? "numbers" : "names"), and that of the "
                        + "address is {{\(variable)}}",
                    help: isPositional ? "end it with {{1}}" : "end it with a name, such as {{order_id}}"
                )
            }
        }
    }

    private var lifetime: Finding? {
        guard let ttl = spec.ttl else { return nil }
        let month = SpecDuration(seconds: 30 * 86_400)
        let least = SpecDuration(seconds: spec.category.isMarketing ? 43_200 : 30)
        let most = SpecDuration(seconds: spec.category == .authentication ? 900 : 43_200)
        let isRight = ttl == month || ttl >= least && (spec.category.isMarketing || ttl <= most)
        guard !isRight else { return nil }
        let range = spec.category.isMarketing ? "`12h` to `30d`" : "`30s` to `\(most.minutesOrHours)`, or `30d`"
        let message = "`ttl` is \(ttl); a template of category `\(spec.category.rawValue)` has \(range)"
        return Finding("ttl", message: message)
    }

    private var wrongExamples: [Finding] {
        let known = spec.parameters.map(\.key)
        return (spec.examples ?? [:]).sorted { $0.key < $1.key }.compactMap { key, text in
            guard let parameter = spec.parameters.first(where: { $0.key == key }) else {
                let help =
                    known.isEmpty
                    ? "the template has no variables"
                    : SpellingSuggestion.help(for: key, among: known, what: "its parameters are")
                return Finding("examples", key, message: "the template has no parameter `\(key)`", help: help)
            }
            guard parameter.part == .medium, parameter.name == "link", !FieldCodec<String>.isLink(text),
                !MediaFiles.isPath(text), MediaReference(text) == nil
            else { return nil }
            let help = "give a link such as `https://shop.example/spring.jpg`, or a path such as `./images/spring.jpg`"
            return Finding("examples", key, message: "`\(text)` is not a link to a sample", help: help)
        }
    }
}

extension TemplateHeader {
    /// The kind of file; `nil` for other headers.
    var format: Format? {
        if case .medium(let format, _) = self { format } else { nil }
    }
}

extension SpecDuration {
    /// The duration in hours, or in minutes if it is shorter.
    fileprivate var minutesOrHours: String { seconds >= 3_600 ? "\(seconds / 3_600)h" : "\(seconds / 60)m" }
}
