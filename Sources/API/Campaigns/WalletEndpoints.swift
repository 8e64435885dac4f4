import Foundation
import HTTPTypes
package import JSON
import Spec
package import Store

/// The prepaid tokens of a tenant, and their ledger.
///
/// Top-ups are made on the command line only.
struct WalletEndpoints: Sendable {
    let wallets: WalletRepository

    var all: [Endpoint] { [show, entries] }

    private var show: Endpoint {
        Endpoint(
            method: .get,
            path: "/wallet",
            name: "getWallet",
            tag: "wallets",
            summary: "Get the wallet of the tenant",
            details: "Answers 404 if the tenant has no wallet; such a tenant is not billed.",
            responses: [.json(.ok, "The wallet.", .object(WalletShapes.wallet), example: WalletShapes.walletExample)],
            problems: [.notFound],
            handle: .checked { call in .json(try await wallet(call).json) }
        )
    }

    private var entries: Endpoint {
        Endpoint(
            method: .get,
            path: "/wallet/entries",
            name: "listWalletEntries",
            tag: "wallets",
            summary: "List the entries of the ledger, newest first",
            details: "One entry covers all messages of a run that were recorded together. Entries never change.",
            query: [.page, .limit],
            responses: [
                .json(
                    .ok,
                    "A page of the ledger.",
                    .object(WalletShapes.list),
                    example: ["items": [WalletShapes.entryExample], "page": 1, "limit": 20, "total": 1]
                )
            ],
            problems: [.notFound],
            handle: .checked { call in
                _ = try await wallet(call)
                let (found, total) = try await wallets.entries(tenant: call.tenant, page: call.page, limit: call.limit)
                return call.page(found.map(\.json), total: total)
            }
        )
    }

    private func wallet(_ call: APICall) async throws -> WalletRecord {
        guard let wallet = try await wallets.find(tenant: call.tenant) else { throw Problem.notFound("wallet") }
        return wallet
    }
}

/// Wallets in answers.
private enum WalletShapes {
    /// An amount of tokens, negative for a decrease.
    private static let tokens = Shape.integer(-(1 << 53)...(1 << 53))

    static let wallet = ObjectShape(
        "Wallet",
        "The prepaid tokens of the tenant, in whole tokens.",
        [
            ShapeField(
                "balance",
                tokens,
                isRequired: true,
                "All tokens: available and held.",
                example: 900
            ),
            ShapeField(
                "held",
                tokens,
                isRequired: true,
                "Tokens reserved for open runs and not spent yet.",
                example: 400
            ),
            ShapeField("available", tokens, isRequired: true, "Tokens available for launches.", example: 500),
            ShapeField(
                "pricePerMessage",
                .integer(WalletRepository.prices),
                isRequired: true,
                "Price of each message that WhatsApp accepts. A run keeps the price of its launch.",
                example: 1
            ),
        ]
    )

    static let walletExample: JSONValue = ["balance": 900, "held": 400, "available": 500, "pricePerMessage": 1]

    static let entry = ObjectShape(
        "WalletEntry",
        "An entry of the ledger. The sum of all `amount` is the balance, and the sum of all `held` is the held amount.",
        [
            ShapeField("id", .sum, isRequired: true, "Number of the entry."),
            ShapeField("kind", .choice(WalletEntry.Kind.self), isRequired: true, "Kind of the entry."),
            ShapeField("amount", tokens, isRequired: true, "Change of the balance.", example: -20),
            ShapeField("held", tokens, isRequired: true, "Change of the held amount.", example: -20),
            ShapeField("runId", .uuid, "Id of the run."),
            ShapeField("reference", .text(0...255), "The payer's reference of a top-up."),
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
    package var json: JSONValue {
        [
            "balance": .integer(balance), "held": .integer(held), "available": .integer(available),
            "pricePerMessage": .integer(pricePerMessage),
        ]
    }
}

extension WalletEntry {
    fileprivate var json: JSONValue {
        .fields([
            "id": .integer(id), "kind": .string(kind.rawValue), "amount": .integer(amount), "held": .integer(held),
            "runId": runID.map { .string($0.apiText) }, "reference": reference.map(JSONValue.string),
            "createdAt": .string(createdAt.apiText),
        ])
    }
}
