extension SimulatorRules {
    /// Returns the template of a request; `nil` if any template is accepted.
    ///
    /// - Throws: The error of the real service for a template that cannot be sent, or whose parameters do not fit.
    func template(
        of request: MessageRequest.Template?,
        isMarketing: Bool
    ) throws(GraphError) -> Template? {
        guard let request, !templates.isEmpty else { return nil }
        let (name, language) = (request.name ?? "", request.language?.code ?? "")
        guard let template = templates.first(where: { $0.name == name && $0.language == language }) else {
            throw GraphError(code: 132_001, details: "template name (\(name)) does not exist in \(language)")
        }
        switch template.status {
        case "APPROVED", "HELD": break
        case "PAUSED": throw GraphError(code: 132_015, details: "template \(name) is paused")
        case "DISABLED": throw GraphError(code: 132_016, details: "template \(name) is disabled")
        default: throw GraphError(code: 132_001, details: "template name (\(name)) is not approved in \(language)")
        }
        if isMarketing, template.category != "MARKETING" {
            throw GraphError(code: 134_100, details: "template \(name) is not a marketing template")
        }
        try template.check(request.components ?? [])
        return template
    }
}

extension SimulatorRules.Template {
    fileprivate func check(_ components: [MessageRequest.Component]) throws(GraphError) {
        try parts.check(components)
        let offers = components.filter { $0.type?.lowercased() == "limited_time_offer" }
        guard offers.isEmpty != hasOffer else {
            throw GraphError(
                code: hasOffer ? 131_008 : 132_000,
                details: hasOffer
                    ? "limited_time_offer: the template requires a parameter"
                    : "limited_time_offer: number of localizable_params does not match (0)"
            )
        }
        let given = components.filter { $0.type?.lowercased() == "carousel" }.flatMap { $0.cards ?? [] }
        guard given.count == cards.count else {
            throw GraphError(
                code: 132_000,
                details:
                    "carousel: number of cards (\(given.count)) does not match the expected number (\(cards.count))"
            )
        }
        for (position, card) in given.enumerated() {
            guard let index = card.card_index, cards.indices.contains(index), index == position else {
                throw GraphError(code: 132_018, details: "carousel: cards must be numbered from 0, in their order")
            }
            try cards[index].check(card.components ?? [])
        }
    }
}

extension SimulatorRules.Card {
    fileprivate func check(_ components: [MessageRequest.Component]) throws(GraphError) {
        func parameters(_ type: String) -> [MessageRequest.Parameter] {
            components.filter { $0.type?.lowercased() == type }.flatMap { $0.parameters ?? [] }
        }
        try checkHeader(parameters("header"))
        try checkBody(parameters("body"))
        try checkButtons(components)
    }

    private func checkBody(_ body: [MessageRequest.Parameter]) throws(GraphError) {
        guard body.count == self.parameters.count else {
            throw GraphError(
                code: 132_000,
                details:
                    "body: number of localizable_params (\(body.count)) does not match the expected number of params "
                    + "(\(self.parameters.count))"
            )
        }
        if isNamed {
            let names = body.compactMap(\.parameter_name)
            guard names.count == body.count else { throw .wrongParameter("'parameter_name' is missing") }
            guard Set(names) == Set(self.parameters) else {
                throw GraphError(code: 132_012, details: "body: parameter names do not match those of the template")
            }
        } else if body.contains(where: { $0.parameter_name != nil }) {
            throw GraphError(code: 132_012, details: "body: the template has no named parameters")
        }
        if let other = body.first(where: { !["text", "currency", "date_time"].contains($0.type?.lowercased() ?? "") }) {
            throw Self.mismatch("body", expected: "TEXT", other.type)
        }
    }

    private func checkHeader(_ parameters: [MessageRequest.Parameter]) throws(GraphError) {
        guard let header else {
            guard parameters.isEmpty else {
                throw GraphError(code: 132_000, details: "header: number of localizable_params does not match (0)")
            }
            return
        }
        guard let parameter = parameters.first else {
            throw Self.mismatch("header", expected: header.rawValue.uppercased(), "UNKNOWN")
        }
        guard parameter.type?.lowercased() == header.rawValue else {
            throw Self.mismatch("header", expected: header.rawValue.uppercased(), parameter.type)
        }
    }

    private func checkButtons(_ components: [MessageRequest.Component]) throws(GraphError) {
        let given = components.filter { $0.type?.lowercased() == "button" }
        for (index, button) in buttons.enumerated()
        where ["url", "copy_code", "flow", "mpm", "otp"].contains(button.lowercased()) {
            let found = given.first { $0.index?.value == index && $0.parameters?.isEmpty == false }
            // A code is given to a button as the address of a URL is.
            let kind = button.lowercased() == "otp" ? "url" : button.lowercased()
            if let found, found.sub_type?.lowercased() != kind {
                throw GraphError(
                    code: 132_018,
                    details:
                        "buttons: Button at index \(index) is of type \(button), not \(found.sub_type ?? "unknown")"
                )
            }
            guard found != nil else {
                throw GraphError(
                    code: 131_008,
                    details: "buttons: Button at index \(index) of type \(button) requires a parameter"
                )
            }
            if kind == "mpm", let action = found?.parameters?.first?.action { try Self.checkProducts(action, index) }
        }
        guard given.allSatisfy({ buttons.indices.contains($0.index?.value ?? -1) }) else {
            throw GraphError(code: 132_000, details: "buttons: the template has \(buttons.count)")
        }
    }

    private static func checkProducts(_ action: MessageRequest.Action, _ index: Int) throws(GraphError) {
        let sections = action.sections ?? []
        let counts = sections.map { $0.product_items?.count ?? 0 }
        let isWhole = action.thumbnail_product_retailer_id?.isEmpty == false && !counts.isEmpty && !counts.contains(0)
        guard isWhole, sections.allSatisfy({ !($0.title ?? "").isEmpty }) else {
            let details =
                "buttons: Button at index \(index) of type mpm requires a thumbnail, and sections with products"
            throw GraphError(code: 131_008, details: details)
        }
        guard counts.count <= 10, counts.reduce(0, +) <= 30, sections.allSatisfy({ ($0.title ?? "").count <= 24 })
        else {
            throw GraphError(
                code: 131_009,
                details: "buttons: Button at index \(index) takes 10 sections, 30 products and titles of 24 characters"
            )
        }
    }

    private static func mismatch(_ place: String, expected: String, _ found: String?) -> GraphError {
        GraphError(
            code: 132_012,
            details: "\(place): Format mismatch, expected \(expected), received \(found?.uppercased() ?? "UNKNOWN")"
        )
    }
}
