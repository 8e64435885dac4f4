import Spec
import Testing

struct MistakeTests {
    @Test func reportsEveryMistakeOfAFileAtItsPlace() {
        let text = """
            kind: Sender
            name: Main
            phoneNumberId: 1065
            accessToken: EAAGverysecret
            tier: 5
            ratePersecond: 80
            ---
            kind: Audience
            name: a
            conditions:
              - { field: tags, operator: gt, value: vip }
              - { field: nam, operator: eq, value: x }
              - { field: lastSeen, operator: lt, value: yesterday }
            ---
            kind: Campaign
            name: c
            type: manul
            sender: other
            template: none
            params: { "1": "{{nam}}" }
            audience: a
            """
        #expect(
            Fixture.lines(text) == [
                "2:7 C016 `Main` is not a name "
                    + "(names have 1 to 63 lower-case letters, digits and hyphens, and do not start with a hyphen)",
                "3:16 C014 expected a string for `phoneNumberId`, found a whole number (write it as \"1065\")",
                "4:14 C019 `accessToken` holds a token instead of a reference to one "
                    + "(refer to it: `env:WHATSAPP_TOKEN` or `file:/run/secrets/whatsapp`)",
                "5:7 C015 `tier` is 5, outside of 1 to 4",
                "6:1 C012 unknown field `ratePersecond` (did you mean `ratePerSecond`?)",
                "11:30 C031 operator `gt` does not fit field `tags`, which holds a list of texts "
                    + "(use `contains`, `contains_any`, `contains_all`, `is_null` or `is_not_null`)",
                "12:14 C030 unknown filter field `nam` (did you mean `name`?)",
                "13:45 C032 `yesterday` is not a date for `lastSeen` "
                    + "(write `2025-01-31`, `2025-01-31T08:00:00Z`, or `-7d` for seven days ago)",
                "17:7 C015 `manul` is not a value of `type` (did you mean `manual`?)",
                "18:9 C021 unknown Sender `other` in tenant `acme` (define a `kind: Sender` of that name in `acme`)",
                "19:11 C021 unknown Template `none` in tenant `acme` "
                    + "(define a `kind: Template` of that name in `acme`)",
                "20:19 C040 unknown placeholder `nam` (did you mean `name`?)",
            ]
        )
    }

    @Test(arguments: [
        ("name: x\n", ["1:1 C013 missing field `kind` (start the document with `kind: Campaign` or another kind)"]),
        ("knd: Sender\nname: x\n", ["1:1 C012 unknown field `knd` (did you mean `kind`?)"]),
        (
            "kind: Thing\n",
            [
                "1:7 C011 unknown kind `Thing` (the kinds are: `Tenant`, `Account`, `Sender`, `Template`, `Audience`, `Campaign`, "
                    + "`Schedule` and `Trigger`)"
            ]
        ),
        ("- a\n", ["1:1 C014 expected a mapping with `kind`, found a list"]),
        (
            "kind: Sender\nname: a\nname: b\nphoneNumberId: \"1\"\naccessToken: env:T\n",
            ["3:1 C004 duplicate key `name` (remove one of the two)"]
        ),
        (
            "kind: Sender\nname: [\n",
            ["2:8 C001 expected a value here (put the value in quotes if it contains `,`, `]` or `}`)"]
        ),
        (
            "kind: Sender\nname: a\nphoneNumberId: \"1\"\naccessToken: env:T\ntier: 1\ndailyLimit: 5\n",
            ["5:1 C022 `tier` and `dailyLimit` exclude each other (keep one of them)"]
        ),
        (
            "kind: Sender\nname: a\nphoneNumberId: \"1\"\naccessToken: env:1T\nprotect: yes\n",
            [
                "4:14 C015 `accessToken` refers to no variable or absolute path "
                    + "(refer to it: `env:WHATSAPP_TOKEN` or `file:/run/secrets/whatsapp`)",
                "5:10 C014 expected `true` or `false` for `protect`, found a string (write `true` or `false`)",
            ]
        ),
        (
            "kind: Sender\nname: a\n",
            [
                "1:1 C013 missing field `accessToken` (kind `Sender` needs it)",
                "1:1 C013 missing field `phoneNumberId` (kind `Sender` needs it)",
            ]
        ),
        ("kind: Audience\nname: a\n", ["1:1 C013 missing field `conditions` (kind `Audience` needs it)"]),
    ])
    func locatesMistakes(text: String, expected: [String]) {
        #expect(Fixture.lines(text) == expected)
    }

    @Test(arguments: [
        ("fieldd: name, operator: is_null", ["C012 unknown field `fieldd` (did you mean `field`?)"]),
        ("field: name, operator: is_null, value: x", ["C032 `is_null` takes no value (remove `value`)"]),
        ("field: name, operator: in, value: x", ["C032 `in` needs a list (write `value: [x]`)"]),
        ("field: name, operator: in, value: []", ["C032 `in` needs at least one value"]),
        (
            "field: name, operator: contains_any, value: [x]",
            [
                "C031 operator `contains_any` does not fit field `name`, which holds text (use `eq`, `neq`, `gt`, `gte`, "
                    + "`lt`, `lte`, `between`, `in`, `not_in`, `is_null`, `is_not_null`, `contains`, `starts_with` or "
                    + "`ends_with`)"
            ]
        ),
        (
            "field: tags, operator: contains_al, value: [x]",
            ["C031 unknown operator `contains_al` (did you mean `contains_all`?)"]
        ),
        ("field: yearOfBirth, operator: gt, value: old", ["C032 expected a number for `yearOfBirth`, found `old`"]),
        (
            "field: name, operator: eq, value: 5",
            ["C014 expected a string for `conditions[0].value`, found a whole number (write it as \"5\")"]
        ),
        ("field: name, operator: eq, value: [a]", ["C032 expected one value for `name`, found a list"]),
        (
            "field: name, operator: eq, value: ~",
            ["C032 expected a value for `name`, found nothing (use `is_null` or `is_not_null`)"]
        ),
        ("logic: XOR, conditions: []", ["C015 `XOR` is not a value of `logic` (did you mean `OR`?)"]),
        ("logic: OR", ["C013 missing field `conditions` (a filter needs it)"]),
    ])
    func findsTypeErrorsOfFilters(condition: String, expected: [String]) {
        let text = "kind: Audience\nname: a\nconditions:\n  - {\(condition)}\n"
        let found = Fixture.catalog(text).diagnostics.map { String(Fixture.line($0).drop { $0 != " " }.dropFirst()) }
        #expect(found == expected)
    }

    @Test(arguments: [
        (
            "whatsappName: Hello",
            "C043 `Hello` is not a template name of WhatsApp (use lower-case letters, digits and underscores)"
        ),
        ("language: english", "C015 `english` is not a language code of WhatsApp (write it like `en` or `pt_BR`)"),
        ("header: \"{{1}} {{2}}\"", "C043 `header` has 2 variables (WhatsApp allows only one there)"),
        ("footer: \"{{1}}\"", "C043 `footer` has 1 variables (WhatsApp allows none there)"),
        ("body: \"Hi {{1}} {{3}}\"", "C043 variable {{2}} is missing (number the variables from 1 without gaps)"),
        (
            "body: \"Hi {{1}} {{x}}\"",
            "C043 positional and named variables are mixed (use either {{1}} or {{first_name}})"
        ),
        ("body: \"Hi {{1\"", "C043 a variable is never closed (add `}}`)"),
        ("body: \"\(String(repeating: "x", count: 1025))\"", "C043 `body` has 1025 characters, more than 1024"),
        (
            "buttons: [{type: url, text: Go, url: ftp}]",
            "C015 `ftp` is not a web address (start it with `https://` and a host, and leave out blanks)"
        ),
        (
            "buttons: [{type: url, text: Go, url: \"https://a b\"}]",
            "C015 `https://a b` is not a web address (start it with `https://` and a host, and leave out blanks)"
        ),
        (
            "buttons: [{type: quickreply, text: Go}]",
            "C015 `quickreply` is not a value of `type` (did you mean `quickReply`?)"
        ),
        (
            "buttons: [{type: phone, text: A, phoneNumber: \"+1 (555) 0100-200\"}, "
                + "{type: phone, text: B, phoneNumber: \"254700100200\"}]",
            "C043 a template has at most 1 `phone` button"
        ),
    ])
    func holdsTemplatesToTheLimits(field: String, expected: String) {
        let defaults = ["whatsappName: hello", "language: en", "category: utility", "body: Hello"]
        let key = field.prefix { $0 != ":" }
        let fields = defaults.filter { !$0.hasPrefix(key + ":") } + [field]
        let text = "kind: Template\nname: t\n" + fields.joined(separator: "\n")
        #expect(Fixture.lines(text).map { String($0.drop { $0 != " " }.dropFirst()) } == [expected])
    }

    @Test(arguments: [
        "call us", "0700 100 200", "+0700100200", "112", "+123456", "1234567890123456", "+1 555 0100x", "++15550100200",
        "1-800-FLOWERS", "+1 (555) 0100-", "(555) 0100-2000", "15550100200\u{A0}", "٢٥٤٧٠٠١٠٠٢٠٠", "+1.555.010.0200",
    ])
    func takesNoOtherTextForAPhoneNumber(number: String) {
        let text = """
            kind: Template
            name: t
            whatsappName: hello
            language: en
            category: utility
            body: Hello
            buttons: [{ type: phone, text: Call, phoneNumber: "\(number)" }]
            """
        let help = "write it with its country code, such as \"+254700100200\""
        #expect(Fixture.lines(text) == ["7:51 C015 `\(number)` is not a phone number (\(help))"])
    }
}
