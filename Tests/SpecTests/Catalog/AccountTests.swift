import JSON
import Spec
import Testing

/// WhatsApp Business Accounts, and the senders and templates that belong to them.
struct AccountTests {
    private static let account = "kind: Account\nname: main\nwabaId: \"1022\"\naccessToken: env:TOKEN"
    private static let other = "kind: Account\nname: other\nwabaId: \"1023\"\naccessToken: env:TOKEN"
    private static let template = Fixture.template(body: "Hi all")

    private static func catalog(_ documents: String...) -> SpecCatalog {
        let text = documents.joined(separator: "\n---\n")
        return SpecCatalog.load(files: [.init(path: "c/acme/x.yaml", tenant: "acme", bytes: Array(text.utf8))])
    }

    private static func lines(_ documents: String...) -> [String] {
        Fixture.lines(documents.joined(separator: "\n---\n"))
    }

    @Test func theOnlyAccountIsThatOfAll() throws {
        let catalog = Self.catalog(Self.template, Self.account)
        #expect(catalog.diagnostics.isEmpty)
        #expect(catalog.all(SenderSpec.self).first?.value.account == "main")
        let template = try #require(catalog.all(TemplateSpec.self).first)
        #expect(template.value.account == "main")
        #expect(template.value.canonical["account"] == "main")
    }

    /// The numbers of a portfolio share a limit, whichever of its accounts they belong to.
    @Test func sendersOfAPortfolioShareAQuotaUnlessTheyNameAGroup() throws {
        let portfolio = "\nbusinessId: \"506\""
        func sender(_ name: String, _ number: String, _ more: String) -> String {
            Fixture.sender.replacing("name: main", with: "name: \(name)").replacing("1065", with: number) + more
        }
        let third = Self.other.replacing("other", with: "third").replacing("1023", with: "1024")
        let catalog = Self.catalog(
            Self.account + portfolio,
            Self.other + portfolio,
            third,
            sender("a", "1", "\naccount: main"),
            sender("b", "2", "\naccount: other"),
            sender("c", "3", "\naccount: third"),
            sender("d", "4", "\naccount: main\nquotaGroup: own"),
            sender("e", "5", "\naccount: main\nquotaGroup: \"5\"")
        )
        #expect(catalog.diagnostics.filter { $0.severity == .error }.isEmpty, "\(catalog.diagnostics)")
        let groups = catalog.all(SenderSpec.self).map(\.value.quotaGroup)
        #expect(groups == ["portfolio-506", "portfolio-506", "3", "own", "5"])
        #expect(catalog.all(SenderSpec.self).first?.value.canonical["quotaGroup"] == "portfolio-506")
    }

    /// The account that a sender does not name counts as well.
    @Test func theOnlyAccountGivesItsPortfolio() {
        let catalog = Self.catalog(Fixture.sender, Self.account + "\nbusinessId: \"506\"")
        #expect(catalog.all(SenderSpec.self).map(\.value.quotaGroup) == ["portfolio-506"])
    }

    @Test func withoutAccountsNothingBelongsToOne() {
        let catalog = Self.catalog(Self.template)
        #expect(catalog.diagnostics.isEmpty)
        #expect(catalog.all(TemplateSpec.self).first?.value.account == nil)
        #expect(catalog.all(TemplateSpec.self).first?.value.canonical["account"] == nil)
    }

    @Test func ofSeveralOneMustBeNamed() {
        let help = "missing field `account`: tenant `acme` has several, `main`, `other` (name one of them)"
        #expect(Self.lines(Fixture.sender, Self.account, Self.other) == ["1:1 C013 \(help)"])
        #expect(Self.lines(Fixture.sender + "\naccount: other", Self.account, Self.other).isEmpty)
    }

    @Test func aBrokenAccountCounts() {
        let broken = Self.other.replacing("\"1023\"", with: "x")
        let lines = Self.lines(Fixture.sender, Self.account, broken)
        #expect(lines.contains { $0.contains("`main`, `other`") }, "\(lines)")
    }

    @Test func aNameAndALanguageAreOneTemplateOfAnAccount() {
        let same = Self.template.replacing(Fixture.sender + "\n---\n", with: "").replacing(
            "\nname: hello",
            with: "\nname: second"
        )
        for accounts in [[], [Self.account]] {
            let lines = Fixture.lines(([Self.template, same] + accounts).joined(separator: "\n---\n"))
            #expect(
                lines.count == 1 && lines[0].contains("C098 templates `hello` and `second` are one: `hello`"),
                "\(lines)"
            )
        }
        #expect(Self.lines(Self.template, same.replacing("language: en", with: "language: sw"), Self.account).isEmpty)
        #expect(
            Self.lines(
                Self.template.replacing(Fixture.sender, with: Fixture.sender + "\naccount: main") + "\naccount: main",
                same + "\naccount: other",
                Self.account,
                Self.other
            ).isEmpty
        )
    }

    /// The languages of `languages` are templates at WhatsApp as that of `language` is.
    @Test func aLanguageOfSeveralIsOneTemplateOfAnAccount() {
        let hello = Self.template + "\nlanguages:\n  fr: { body: Bonjour }\n  sw: { body: Habari }"
        func second(_ fields: String) -> String {
            "kind: Template\nname: second\nwhatsappName: hello\ncategory: utility\nbody: Salut\n\(fields)"
        }
        let problem = "C098 templates `hello` and `second` are one: `hello` in"
        for (fields, code) in [
            ("language: fr", "fr"), ("language: de\nlanguages:\n  sw: { body: Jambo }", "sw"),
            ("language: fr\nlanguages:\n  sw: { body: Jambo }", "fr"),
        ] {
            let lines = Self.lines(hello, second(fields), Self.account)
            #expect(lines.count == 1 && lines[0].contains("\(problem) `\(code)` at account `main`"), "\(lines)")
        }
        #expect(Self.lines(hello, second("language: de\nlanguages:\n  it: { body: Ciao }"), Self.account).isEmpty)
    }

    @Test func anUnknownAccountIsAnError() {
        let lines = Self.lines(Fixture.sender + "\naccount: mian", Self.account)
        #expect(lines.count == 1 && lines[0].contains("C021 unknown Account `mian`"), "\(lines)")
    }

    @Test func aMisspeltFieldIsReportedOnce() {
        let lines = Self.lines(Fixture.sender + "\nacount: main", Self.account, Self.other)
        #expect(lines.count == 1 && lines[0].contains("C012 unknown field `acount`"), "\(lines)")
    }

    @Test func aTemplateIsSentByNumbersOfItsAccount() {
        let campaign = """
            kind: Campaign
            name: c
            type: module_initiated
            sender: main
            template: hello
            """
        func lines(_ account: String) -> [String] {
            let sender = Fixture.sender + "\naccount: main"
            let template = Self.template.replacing(Fixture.sender, with: sender) + "\naccount: \(account)"
            return Self.lines(template, campaign, Self.account, Self.other)
        }
        #expect(lines("main").isEmpty)
        let wrong = lines("other")
        #expect(wrong.count == 1 && wrong[0].contains("C090 template `hello` belongs to account `other`"), "\(wrong)")
        // A misspelt account is the only error.
        let misspelt = lines("othr")
        #expect(misspelt.count == 1 && misspelt[0].contains("C021"), "\(misspelt)")
    }

    @Test func aRawMessageNamesATemplateOfItsSendersAccount() {
        let raw = """
            kind: Campaign
            name: c
            type: module_initiated
            sender: main
            message: { type: template, template: { name: hello, language: { code: en } } }
            """
        func lines(_ account: String) -> [String] {
            let sender = Fixture.sender + "\naccount: main"
            let template = Self.template.replacing(Fixture.sender, with: sender) + "\naccount: \(account)"
            return Self.lines(template, raw, Self.account, Self.other)
        }
        #expect(lines("main").isEmpty)
        let wrong = lines("other")
        #expect(wrong.count == 1 && wrong[0].contains("C090 template `hello` belongs to account `other`"), "\(wrong)")
    }

    @Test func oneIDTwiceIsAnErrorInATenantAndAWarningAcross() {
        let twice = Self.lines(Self.account, Self.other.replacing("1023", with: "1022"))
        #expect(twice.count == 1 && twice[0].contains("C091"), "\(twice)")
        let files = ["a", "b"].map { (tenant: String) in
            SpecCatalog.SourceFile(path: "c/\(tenant)/x.yaml", tenant: tenant, bytes: Array(Self.account.utf8))
        }
        let shared = SpecCatalog.load(files: files)
        #expect(shared.isValid)
        #expect(shared.diagnostics.map(\.code.rawValue) == ["C092"])
    }

    @Test(
        arguments: [
            ("wabaId: \"1022\"", "wabaId: acme", "C015"), ("accessToken: env:TOKEN", "accessToken: EAAG", "C019"),
            ("name: main", "name: main\ncurrency: kes", "C015"), ("name: main", "name: main\nappId: app", "C015"),
        ]
    )
    func badValuesHavePlaceAndRemedy(old: String, new: String, code: String) {
        let lines = Self.lines(Self.account.replacing(old, with: new))
        #expect(lines.count == 1 && lines[0].contains(code) && lines[0].contains("("), "\(lines)")
    }
}
