internal import YAML

extension TemplateSpec: ReadableSpec {
    init?(_ reader: inout FieldReader) {
        let header = SpecHeader(&reader)
        let whatsappName = Self.whatsappName(&reader)
        let language = Self.language(&reader)
        reader.require("category")
        let category = reader.choice("category", of: Category.self)
        let headerText = Self.part(&reader, "header", required: false, upTo: 60, variables: 1)
        let body = Self.part(&reader, "body", required: true, upTo: 1024, variables: nil)
        let footer = Self.part(&reader, "footer", required: false, upTo: 60, variables: 0)
        let buttons = Self.buttons(&reader)
        Self.checkStyle(&reader, header: headerText, body: body)
        guard let header, let whatsappName, let category, let body else { return nil }
        self.init(
            header: header,
            whatsappName: whatsappName,
            language: language,
            category: category,
            headerText: headerText?.value,
            body: body.value,
            footer: footer?.value,
            buttons: buttons
        )
    }

    private static func whatsappName(_ reader: inout FieldReader) -> String? {
        guard let read = reader.text("whatsappName", upTo: 512) else { return nil }
        guard isPlainName(read.value) else {
            let message = "`\(read.value)` is not a template name of WhatsApp"
            let help = "use lower-case letters, digits and underscores"
            reader.sink.report(.templateLimit, at: read.range, field: read.field, message, help: help)
            return nil
        }
        return read.value
    }

    /// Reads `language`, which a tenant may give for all its templates.
    static func language(_ reader: inout FieldReader) -> String? {
        guard let read = reader.text("language", required: false, upTo: 10) else { return nil }
        let parts = read.value.split(separator: "_", omittingEmptySubsequences: false)
        let isCode =
            (1...2).contains(parts.count) && (2...3).contains(parts[0].utf8.count)
            && parts[0].utf8.allSatisfy { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
            && parts.dropFirst().allSatisfy { (2...4).contains($0.utf8.count) && $0.allSatisfy(\.isLetter) }
        guard isCode else {
            let message = "`\(read.value)` is not a language code of WhatsApp"
            reader.sink.report(
                .invalidValue,
                at: read.range,
                field: read.field,
                message,
                help: "write it like `en` or `pt_BR`"
            )
            return nil
        }
        return read.value
    }

    /// Reads a text with variables, of which a part may have only so many.
    private static func part(
        _ reader: inout FieldReader,
        _ key: String,
        required: Bool,
        upTo limit: Int,
        variables: Int?
    ) -> ReadValue<String>? {
        if required { reader.require(key) }
        guard let read = reader.string(key) else { return nil }
        let count = read.value.unicodeScalars.count
        func report(_ message: String, _ help: String?) {
            reader.sink.report(.templateLimit, at: read.range, field: read.field, message, help: help)
        }
        if count == 0 || count > limit {
            report(count == 0 ? "`\(key)` is empty" : "`\(key)` has \(count) characters, more than \(limit)", nil)
            return nil
        }
        do {
            let found = try TemplateVariables(read.value).names.count
            if let variables, found > variables {
                let most = variables == 0 ? "none" : "only one"
                report("`\(key)` has \(found) variables", "WhatsApp allows \(most) there")
                return nil
            }
        } catch {
            report(error.texts.message, error.texts.help)
            return nil
        }
        return read
    }

    /// Header and body of one template are either both positional or both named.
    private static func checkStyle(_ reader: inout FieldReader, header: ReadValue<String>?, body: ReadValue<String>?) {
        // Texts that cannot be parsed were reported and are not here.
        guard let header, let body, let above = try? TemplateVariables(header.value),
            let below = try? TemplateVariables(body.value), !above.names.isEmpty, !below.names.isEmpty
        else { return }
        if above.isPositional != below.isPositional {
            let texts = TemplateVariables.Problem.mixed.texts
            reader.sink.report(.templateLimit, at: header.range, field: header.field, texts.message, help: texts.help)
        } else if !above.isPositional, above.names.contains(where: below.names.contains) {
            let message = "variable `\(above.names[0])` stands in header and body"
            let help = "give the variable of the header a name of its own"
            reader.sink.report(.templateLimit, at: header.range, field: header.field, message, help: help)
        }
    }
}
