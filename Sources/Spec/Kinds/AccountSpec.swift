public import JSON
import YAML

/// A WhatsApp Business Account: it holds templates and phone numbers.
public struct AccountSpec: SpecContent {
    public static let kind = SpecKind.account

    static let meaning = "A WhatsApp Business Account, which holds templates and phone numbers."

    static let example = """
        kind: Account
        name: main
        wabaId: "102290129340398"
        accessToken: env:WHATSAPP_TOKEN_ACME
        appId: "1040500000000001"
        currency: KES
        """

    public internal(set) var header = SpecHeader()
    /// WhatsApp's id of the account.
    public internal(set) var wabaId = ""
    public internal(set) var accessToken = SecretReference.environment("")
    /// The app that uploads the files of templates; `nil` if none are uploaded.
    public internal(set) var appId: String?
    /// The business portfolio that owns the account.
    public internal(set) var businessId: String?
    /// The currency of the account's bills, such as `KES`.
    public internal(set) var currency: String?

    /// All fields; absent ones stay absent.
    public var canonical: JSONValue { canonicalForm }

    /// Returns the quota group of the senders of a portfolio that name none.
    public static func quotaGroup(ofPortfolio id: String) -> String { "portfolio-\(id)" }
}

extension AccountSpec: SpecDefinition, SpecMapping {
    static let fields: [Field] = [
        Field("wabaId", \.wabaId, .graphID("a WhatsApp Business Account id", of: "the account")).required()
            .says("The id of the account in WhatsApp Manager, in quotes.", examples: "102290129340398"),
        Field("accessToken", \.accessToken, .secretReference(of: "token", example: "env:WHATSAPP_TOKEN")).required()
            .says(
                "The environment variable or the file that holds the access token for the account; never the token itself.",
                examples: "env:WHATSAPP_TOKEN_ACME",
                "file:/run/secrets/whatsapp"
            ),
        Field("appId", \.appId, .graphID("an app id", of: "the app"))
            .says(
                "The id of the app that the token belongs to, in quotes; files of templates are uploaded to it.",
                examples: "1040500000000001"
            ),
        Field("businessId", \.businessId, .graphID("a business portfolio id", of: "the portfolio"))
            .says(
                "The id of the business portfolio that owns the account, in quotes. Senders of all accounts of one portfolio "
                    + "share one 24 hour quota, unless they name a `quotaGroup`.",
                examples: "506914307656634"
            ),
        Field("currency", \.currency, .currency)
            .says("The currency in which WhatsApp bills the account, as three capital letters.", examples: "KES"),
    ]
}

extension FieldCodec<String> {
    /// Reads an id of Meta's Graph API, which is a number that may be too large for one.
    fileprivate static func graphID(_ form: String, of thing: String) -> Self {
        text(
            upTo: 32,
            pattern: "^[0-9]+$",
            form: form,
            help: "it is the id of \(thing) at Meta: digits only"
        ) { $0.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } }
    }

    fileprivate static var currency: Self {
        text(
            upTo: 3,
            pattern: "^[A-Z]{3}$",
            form: "a currency",
            help: "write its ISO code: three capital letters, such as `USD`"
        ) { $0.utf8.count == 3 && $0.utf8.allSatisfy { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) } }
    }
}
