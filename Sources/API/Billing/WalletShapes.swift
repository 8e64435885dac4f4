import JSON
import Spec
import Store

/// What wallets look like in answers.
enum WalletShapes {
    /// Tokens that come or go.
    private static let tokens = Shape.integer(-(1 << 53)...(1 << 53))

    static let wallet = ObjectShape(
        "Wallet",
        "The prepaid tokens of the tenant, in whole tokens.",
        [
            ShapeField(
                "balance",
                tokens,
                isRequired: true,
                "All tokens: those available and those held.",
                example: 900
            ),
            ShapeField("held", tokens, isRequired: true, "What open runs have set aside and not spent.", example: 400),
            ShapeField("available", tokens, isRequired: true, "What a launch may take.", example: 500),
            ShapeField(
                "pricePerMessage",
                .integer(WalletRepository.prices),
                isRequired: true,
                "What a message costs that WhatsApp accepts. A run keeps the price that it began with.",
                example: 1
            ),
        ]
    )

    static let walletExample: JSONValue = ["balance": 900, "held": 400, "available": 500, "pricePerMessage": 1]

    static let entry = ObjectShape(
        "WalletEntry",
        "A line of the ledger. The sum of `amount` is the balance, and the sum of `held` what is held.",
        [
            ShapeField("id", .sum, isRequired: true, "Its place in the ledger."),
            ShapeField("kind", .choice(WalletEntry.Kind.self), isRequired: true, "What happened."),
            ShapeField("amount", tokens, isRequired: true, "How the balance changed.", example: -20),
            ShapeField("held", tokens, isRequired: true, "How much more is held, or less.", example: -20),
            ShapeField("runId", .uuid, "The run that it is about."),
            ShapeField("reference", .text(0...255), "The payer's name for a top-up."),
            ShapeField("createdAt", .dateTime, isRequired: true, "When it was written."),
        ]
    )

    static let entryExample: JSONValue = [
        "id": 42, "kind": "debit", "amount": -20, "held": -20, "runId": "019aa1b2-c3d4-8e5f-8a6b-7c0000000000",
        "createdAt": "2026-11-20T08:00:01Z",
    ]

    static let list = ObjectShape.page(of: entry, "WalletEntryList", "A page of the ledger, newest entry first.")
}

extension WalletRecord {
    var json: JSONValue {
        [
            "balance": .integer(balance), "held": .integer(held), "available": .integer(available),
            "pricePerMessage": .integer(pricePerMessage),
        ]
    }
}

extension WalletEntry {
    var json: JSONValue {
        .fields([
            "id": .integer(id), "kind": .string(kind.rawValue), "amount": .integer(amount), "held": .integer(held),
            "runId": runID.map { .string($0.apiText) }, "reference": reference.map(JSONValue.string),
            "createdAt": .string(createdAt.apiText),
        ])
    }
}
