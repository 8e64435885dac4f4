import Foundation
import HTTPTypes
import JSON
import Spec
import Store

/// What a tenant has paid for, and what became of it.
///
/// Tokens come in on the command line only.
struct WalletEndpoints: Sendable {
    let wallets: WalletRepository

    var all: [Endpoint] { [show, entries] }

    private var show: Endpoint {
        Endpoint(
            method: .get,
            path: "/wallet",
            name: "getWallet",
            tag: "wallets",
            summary: "Get the balance of the tenant",
            details: "404 when the tenant has no wallet: it is not billed then.",
            answers: [.json(.ok, "The wallet.", .object(WalletShapes.wallet), example: WalletShapes.walletExample)],
            problems: [.notFound],
            handle: { call in .json(try await wallet(call).json) }
        )
    }

    private var entries: Endpoint {
        Endpoint(
            method: .get,
            path: "/wallet/entries",
            name: "listWalletEntries",
            tag: "wallets",
            summary: "List what happened to the tokens, newest first",
            details: "One entry stands for all messages of a run that were recorded together. Entries never change.",
            query: [.page, .limit],
            answers: [
                .json(
                    .ok,
                    "A page of the ledger.",
                    .object(WalletShapes.list),
                    example: ["items": [WalletShapes.entryExample], "page": 1, "limit": 20, "total": 1]
                )
            ],
            problems: [.notFound],
            handle: { call in
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
