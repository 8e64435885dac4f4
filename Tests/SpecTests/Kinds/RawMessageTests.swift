import JSON
import Spec
import Testing

struct RawMessageTests {
    private static func messages(_ text: String) throws -> [String] {
        do {
            _ = try MessagePayload.check(JSONValue(parsing: text))
            return []
        } catch let error as SpecError {
            return Fixture.messages(error)
        }
    }

    private static func interactive(_ rest: String, type: String = "button") -> String {
        "{\"type\":\"interactive\",\"interactive\":{\"type\":\"\(type)\",\"body\":{\"text\":\"Hi {{name}}\"},\(rest)}}"
    }

    private static func buttons(_ ids: [String]) -> String {
        let buttons = ids.map { "{\"type\":\"reply\",\"reply\":{\"id\":\"\($0)\",\"title\":\"T\"}}" }
        return interactive("\"action\":{\"buttons\":[\(buttons.joined(separator: ","))]}")
    }

    private static func list(_ rows: Int, sections: Int = 1, title: String = "\"title\":\"S\",") -> String {
        let rows = (0..<rows).map { "{\"id\":\"\($0)\",\"title\":\"T\",\"description\":\"D\"}" }.joined(separator: ",")
        let list = (0..<sections).map { _ in "{\(title)\"rows\":[\(rows)]}" }.joined(separator: ",")
        return interactive("\"action\":{\"button\":\"Choose\",\"sections\":[\(list)]}", type: "list")
    }

    @Test(arguments: [
        buttons(["a"]), buttons(["a", "b", "c"]), list(10), list(1, title: ""),
        interactive(
            "\"header\":{\"type\":\"image\",\"image\":{\"id\":\"1\"}},\"footer\":{\"text\":\"F\"},\"action\":{\"name\":\"cta_url\","
                + "\"parameters\":{\"display_text\":\"Go\",\"url\":\"https://x\"}}",
            type: "cta_url"
        ),
        interactive("\"action\":{\"name\":\"send_location\"}", type: "location_request_message"),
        interactive("\"action\":{\"name\":\"flow\",\"parameters\":{\"flow_id\":\"1\"}}", type: "flow"),
        "{\"type\":\"interactive\",\"interactive\":{\"type\":\"product\",\"action\":{\"catalog_id\":\"1\"}}}",
        "{\"type\":\"location\",\"location\":{\"latitude\":-1.28,\"longitude\":\"36.8\",\"name\":\"Clinic\"}}",
        "{\"type\":\"contacts\",\"contacts\":[{\"name\":{\"formatted_name\":\"A B\",\"first_name\":\"A\"},"
            + "\"phones\":[{\"phone\":\"+1\",\"type\":\"WORK\"}],\"org\":{\"company\":\"C\"}}]}",
        "{\"type\":\"document\",\"document\":{\"link\":\"https://x\",\"caption\":\"c\",\"filename\":\"f.pdf\"}}",
        "{\"type\":\"template\",\"template\":{\"name\":\"a\",\"language\":{\"code\":\"en\",\"policy\":\"deterministic\"},"
            + "\"components\":[{\"type\":\"body\",\"parameters\":[{\"type\":\"currency\",\"currency\":{}}]},"
            + "{\"type\":\"button\",\"sub_type\":\"url\",\"index\":0}]}}",
    ])
    func takesWhatTheAPITakes(text: String) throws {
        #expect(try Self.messages(text) == [])
    }

    @Test(arguments: [
        (buttons([]), ["interactive.action.buttons: a message has 1 to 3 buttons, not 0"]),
        (buttons(["a", "b", "c", "d"]), ["interactive.action.buttons: a message has 1 to 3 buttons, not 4"]),
        (buttons(["a", "a"]), ["interactive.action.buttons[1].reply.id: id `a` is given twice"]),
        (
            buttons(["a"]).replacing("\"T\"", with: "\"More than twenty characters\""),
            ["interactive.action.buttons[0].reply.title: `title` has 27 characters, more than 20"]
        ),
        (
            buttons(["a"]).replacing("Hi {{name}}", with: "{{nmae}}"),
            ["interactive.body.text: unknown placeholder `nmae`"]
        ),
        (buttons(["a"]).replacing("body", with: "bodi"), ["interactive.bodi: unknown field `bodi`"]),
        (
            buttons(["a"]).replacing("\"type\":\"reply\"", with: "\"type\":\"url\""),
            ["interactive.action.buttons[0].type: `url` is not a type of button"]
        ),
        (list(0), ["interactive.action.sections: a list has 1 to 10 rows in all its sections, not 0"]),
        (
            list(1, sections: 2, title: ""),
            [
                "interactive.action.sections[0].title: missing field `title`",
                "interactive.action.sections[1].rows[0].id: id `0` is given twice",
                "interactive.action.sections[1].title: missing field `title`",
            ]
        ),
        (
            interactive("\"action\":{\"name\":\"flow\",\"parameters\":{\"url\":\"x\"}}", type: "cta_url"),
            [
                "interactive.action.name: `flow` is not the name of this action",
                "interactive.action.parameters.display_text: missing field `display_text`",
            ]
        ),
        (
            interactive("\"header\":{\"type\":\"txt\",\"text\":\"x\"}"),
            [
                "interactive.header.type: `txt` is not a value of `type`", "interactive.action: missing field `action`",
            ]
        ),
        (
            "{\"type\":\"interactive\",\"interactive\":{\"type\":\"buton\",\"action\":[]}}",
            [
                "interactive.type: `buton` is not a value of `type`",
                "interactive.action: expected a mapping for `interactive.action`, found a list",
                "interactive.body: missing field `body`",
            ]
        ),
        (
            "{\"type\":\"location\",\"location\":{\"latitude\":91,\"longitude\":\"x\"}}",
            [
                "location.latitude: `latitude` is not a number of degrees from -90 to 90",
                "location.longitude: `longitude` is not a number of degrees from -180 to 180",
            ]
        ),
        (
            "{\"type\":\"location\",\"location\":{\"lat\":1}}",
            [
                "location.lat: unknown field `lat`", "location.latitude: missing field `latitude`",
                "location.longitude: missing field `longitude`",
            ]
        ),
        ("{\"type\":\"contacts\",\"contacts\":[]}", ["contacts: `contacts` has no contact"]),
        (
            "{\"type\":\"contacts\",\"contacts\":[{\"phones\":[{\"number\":\"1\"}]}]}",
            [
                "contacts[0].phones[0].number: unknown field `number`", "contacts[0].name: missing field `name`",
            ]
        ),
        (
            "{\"type\":\"contacts\",\"contacts\":[{\"name\":{\"formatted_name\":\"A\"}}]}",
            ["contacts[0].name: `name` has nothing but `formatted_name`"]
        ),
        ("{\"type\":\"audio\",\"audio\":{\"id\":\"1\",\"caption\":\"c\"}}", ["audio.caption: unknown field `caption`"]),
        (
            "{\"type\":\"image\",\"image\":{\"id\":\"1\",\"link\":\"https://x\"}}",
            ["image: `image` has both `id` and `link`"]
        ),
        (
            "{\"type\":\"template\",\"template\":{\"name\":\"a\",\"language\":{\"code\":\"en\",\"policy\":\"x\"},"
                + "\"components\":[{\"type\":\"button\",\"index\":\"10\"},{\"parameters\":[{}]}]}}",
            [
                "template.language.policy: `x` is not a value of `policy`",
                "template.components[0].index: `index` is not the position of a button",
                "template.components[0].sub_type: missing field `sub_type`",
                "template.components[1].parameters[0].type: missing field `type`",
                "template.components[1].type: missing field `type`",
            ]
        ),
        ("{\"type\":\"text\",\"text\":{\"body\":\"a\\u0000b\"}}", ["text.body: this text has a NUL character"]),
    ])
    func namesWhatTheAPIWouldRefuse(text: String, expected: [String]) throws {
        #expect(try Self.messages(text) == expected)
    }

    @Test func locatesARowThatIsOneTooMany() {
        let rows = (0..<11).map { "            - { id: \"\($0)\", title: T }" }.joined(separator: "\n")
        let text = """
            \(Fixture.sender)
            ---
            kind: Campaign
            name: c
            type: module_initiated
            sender: main
            message:
              type: interactive
              interactive:
                type: list
                body: { text: Hi }
                action:
                  button: Choose
                  sections:
                    - rows:
            \(rows)
            """
        #expect(
            Fixture.lines(text) == ["29:15 C044 a list has 1 to 10 rows in all its sections, not 11"]
        )
    }

    @Test func refusesCharactersThatNoRowCanHold() throws {
        #expect(
            Fixture.lines("kind: Audience\nname: a\nconditions:\n  - { field: name, operator: eq, value: \"a\\0b\" }\n")
                == [
                    "4:41 C063 this text has a NUL character (remove it)"
                ]
        )
        #expect(
            Fixture.lines("kind: Trigger\nname: a\ncampaign: c\nevent: x\ncustom: true\nmatch: { \"a\\0\": b }\n")
                .contains(
                    "6:10 C063 this key has a NUL character (remove it)"
                )
        )
        let filter: JSONValue = ["field": "metadata.\0", "operator": "eq", "value": "x"]
        let error = #expect(throws: SpecError.self) { try AudienceFilter(json: filter) }
        #expect(error.map(Fixture.messages) == ["field: this text has a NUL character"])
        let template = try TemplateSpec(
            canonical: [
                "name": "t", "whatsappName": "t", "language": "en", "category": "utility", "body": "{{1}}",
            ]
        )
        #expect(throws: SpecError.self) { try MessagePayload.hydrate(template: template, params: ["1": "\0"]) }
    }

    @Test func takesNullWhereNoValueIsNeeded() throws {
        let filter = try AudienceFilter(json: ["field": "email", "operator": "is_null", "value": nil])
        #expect(filter == .condition(FilterCondition(.contact(.email), .isNull)))
    }
}
