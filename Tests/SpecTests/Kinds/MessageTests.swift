import JSON
import Spec
import Testing

struct MessageTests {
    @Test func rendersPlaceholdersWithDefaults() throws {
        let template = try TextTemplate("Hi {{ name | there }}, {{metadata.company}} owes {{context.order.total}}!")
        let values = ["metadata.company": "Acme", "context.order.total": "5"]
        #expect(try template.render { values[$0.description] } == "Hi there, Acme owes 5!")
        #expect(throws: TextTemplate.MissingValue(path: .metadata("company"))) {
            try template.render { $0 == .contact(.name) ? "Ana" : nil }
        }
        #expect(!template.isLiteral)
        #expect(try TextTemplate("{single} } }}").isLiteral)
    }

    @Test(arguments: [
        ("Hi {{nmae}}", "unknown placeholder `nmae` (did you mean `name`?)"),
        ("Hi {{metdata.company}}", "unknown placeholder `metdata.company` (did you mean `metadata.company`?)"),
        ("Hi {{name", "this placeholder is never closed (add `}}`)"),
        ("Hi {{name {{email}}", "this placeholder is never closed (add `}}`)"),
        ("Hi {{}}", "empty placeholder (name a field: {{name}})"),
        (
            "{{tags}}",
            "unknown placeholder `tags` (use `name`, `email`, `contactId`, `pin`, `yearOfBirth`, `messageCount`, `firstSeen`, "
                + "`lastSeen`, `paymentStatus`, `metadata.<key>` or `context.<key>`)"
        ),
    ])
    func refusesWrongPlaceholders(text: String, expected: String) {
        let error = #expect(throws: TextTemplate.Problem.self) { try TextTemplate(text) }
        #expect(error?.description == expected)
    }

    private func template(header: String? = nil, body: String, buttons: JSONValue = []) throws -> TemplateSpec {
        var fields: JSONObject = ["name": "t", "whatsappName": "hello_world", "language": "en", "category": "utility"]
        fields["header"] = header.map(JSONValue.string)
        (fields["body"], fields["buttons"]) = (.string(body), buttons)
        return try TemplateSpec(stored: .object(fields))
    }

    @Test func leavesComponentsOutWithoutVariables() throws {
        let payload = try MessagePayload.hydrate(template: template(body: "Hello"), params: [:])
        #expect(
            payload.canonicalText
                == "{\"template\":{\"language\":{\"code\":\"en\"},\"name\":\"hello_world\"},\"type\":\"template\"}"
        )
    }

    @Test func hydratesPositionalParametersInOrder() throws {
        let template = try template(
            header: "On {{1}}",
            body: "{{2}} then {{1}}",
            buttons: [
                ["type": "quickReply", "text": "Yes"], ["type": "url", "text": "Pay", "url": "https://x/{{1}}"],
                ["type": "copyCode"],
            ]
        )
        #expect(template.parameters.map(\.key) == ["header", "1", "2", "button.0", "button.1", "button.2"])
        #expect(template.parameters.filter(\.isRequired).map(\.key) == ["header", "1", "2", "button.1", "button.2"])
        let params = ["header": "h", "1": "{{name}}", "2": "b", "button.1": "u", "button.2": "c"]
        let components = try MessagePayload.hydrate(template: template, params: params)["template"]?["components"]
        #expect(
            components?.canonicalText == """
                [{"parameters":[{"text":"h","type":"text"}],"type":"header"},\
                {"parameters":[{"text":"{{name}}","type":"text"},{"text":"b","type":"text"}],"type":"body"},\
                {"index":"1","parameters":[{"text":"u","type":"text"}],"sub_type":"url","type":"button"},\
                {"index":"2","parameters":[{"coupon_code":"c","type":"coupon_code"}],"sub_type":"copy_code","type":"button"}]
                """
        )
    }

    @Test func namesTheParametersOfNamedTemplates() throws {
        let payload = try MessagePayload.hydrate(
            template: template(body: "Hi {{first_name}}"),
            params: ["first_name": "x"]
        )
        #expect(
            payload["template"]?["components"]?.canonicalText
                == "[{\"parameters\":[{\"parameter_name\":\"first_name\",\"text\":\"x\",\"type\":\"text\"}],\"type\":\"body\"}]"
        )
    }

    @Test func refusesMissingAndSuperfluousParameters() throws {
        let template = try template(body: "{{1}}")
        let error = #expect(throws: SpecError.self) {
            try MessagePayload.hydrate(template: template, params: ["2": "x"])
        }
        #expect(
            error.map(Fixture.messages) == [
                "params.1: template `t` needs parameter `1`", "params.2: template `t` has no parameter `2`",
            ]
        )
    }

    @Test(arguments: [
        ("{\"type\":\"text\",\"text\":{\"body\":\"Hi {{name}}\"}}", []),
        ("{\"messaging_product\":\"whatsapp\",\"type\":\"text\",\"text\":{\"body\":\"x\"}}", []),
        ("{\"type\":\"image\",\"image\":{\"id\":\"1\"}}", []),
        ("{\"type\":\"template\",\"template\":{\"name\":\"a\",\"language\":{\"code\":\"en\"}}}", []),
        ("{\"text\":{\"body\":\"x\"}}", ["type: missing field `type`"]),
        ("{\"type\":\"text\"}", ["text: missing field `text`"]),
        ("{\"type\":\"text\",\"text\":{\"body\":\"\"}}", ["text.body: `body` is empty"]),
        ("{\"type\":\"text\",\"text\":{\"body\":\"{{nam}}\"}}", ["text.body: unknown placeholder `nam`"]),
        ("{\"type\":\"text\",\"to\":\"1\",\"text\":{\"body\":\"x\"}}", ["to: a message has no recipient"]),
        ("{\"type\":\"image\",\"image\":{}}", ["image: `image` has neither `id` nor `link`"]),
        ("{\"type\":\"image\",\"image\":{\"id\":\"1\"},\"text\":{}}", ["text: unknown field `text`"]),
        ("{\"type\":\"template\",\"template\":{\"name\":\"a\"}}", ["template.language: missing field `language`"]),
    ])
    func checksRawMessages(text: String, expected: [String]) throws {
        let json = try JSONValue(parsing: text)
        do {
            let message = try MessagePayload.check(json)
            #expect(message["messaging_product"] == nil)
            #expect(expected == [])
        } catch {
            #expect(Fixture.messages(error) == expected)
        }
    }

    /// The warnings about one parameter.
    private func findings(_ parameter: String, extra: String = "") -> [String] {
        Fixture.lines(
            """
            \(Fixture.template(body: "Hi {{1}}"))
            ---
            kind: Campaign
            name: c
            type: manual
            sender: main
            template: hello
            params: { "1": \(parameter) }
            audience: { conditions: [] }
            \(extra)
            """
        )
    }

    @Test(arguments: [
        (#""line one\nline two""#, "this parameter has a line break"),
        (#""a\tb""#, "this parameter has a tab"),
        (#""a      b""#, "this parameter has more than 4 spaces in a row"),
        (#""{{name|a\nb}}""#, "this parameter has a line break"),
        (#""{{name|}}""#, "this parameter can be empty"),
        (#"" {{name|}} {{pin|}}""#, "this parameter can be empty"),
        (#""   ""#, "this parameter is blank"),
    ])
    func warnsOfParametersThatWhatsAppRefuses(parameter: String, expected: String) {
        let lines = findings(parameter)
        #expect(lines.count == 1 && lines[0].contains("C045 \(expected)"), "\(lines)")
    }

    @Test(arguments: [
        #""{{name}}""#, #""{{name|there}}""#, #""Hi {{name|}}""#, #""{{name|}}{{pin}}""#, #""a    b""#, "é",
    ])
    func saysNothingOfParametersThatAreFine(parameter: String) {
        #expect(findings(parameter) == [])
        #expect(findings(parameter, extra: "templateText: strict") == [])
    }

    @Test func findsParametersOfRawTemplateMessagesAlone() {
        func findings(_ message: String) -> [String] {
            Fixture.lines(
                """
                \(Fixture.sender)
                ---
                kind: Campaign
                name: c
                type: manual
                sender: main
                message: \(message)
                audience: { conditions: [{ field: lastSeen, operator: gte, value: "-24h" }] }
                """
            )
        }
        let parameter = #"{ type: body, parameters: [{ type: text, text: "a\nb" }] }"#
        let template = "{ type: template, template: { name: x, language: { code: en }, components: [\(parameter)] } }"
        #expect(findings(template).count == 1 && findings(template)[0].contains("C045"))
        #expect(findings(#"{ type: text, text: { body: "a\nb" } }"#) == [])
    }
}
