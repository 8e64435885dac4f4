import Foundation
package import Logging
package import Postgres
package import Settings
import Store

/// Reads accounts at once, for a command that wants to know what WhatsApp holds now.
///
/// A daemon that reads the same account at the moment is waited for: an account is read by one process at a time.
package struct AccountRefresh: Sendable {
    /// An account that could not be read.
    package struct Failure: Error, CustomStringConvertible {
        let account: String
        let reason: String

        package var description: String {
            "could not read account \(account) at WhatsApp: \(reason); without --refresh, what is known of it is taken"
        }
    }

    private let sweeps: AccountSweepRepository
    private let views: AccountViewRepository
    private let sweep: AccountSweep

    package init(pool: PostgresPool, client: GraphClient, tokens: TokenResolver, logger: Logger) {
        sweeps = AccountSweepRepository(pool: pool)
        views = AccountViewRepository(pool: pool)
        sweep = AccountSweep(pool: pool, client: client, tokens: tokens, logger: logger)
    }

    /// Reads the accounts of some tenants.
    ///
    /// - Parameters:
    ///   - tenants: The tenants; `nil` for all.
    ///   - limit: The longest time for it.
    /// - Returns: The number of accounts.
    /// - Throws: ``Failure`` for the first account that was not read in time, or not at all; `PostgresError`.
    @discardableResult
    package func refresh(tenants: [String]?, within limit: Duration = .seconds(120)) async throws -> Int {
        var asked: [Date] = []
        if let tenants {
            for tenant in tenants { asked += [try await sweeps.request(tenant: tenant)].compactMap(\.self) }
        } else {
            asked += [try await sweeps.request(tenant: nil)].compactMap(\.self)
        }
        guard let asked = asked.min() else { return 0 }
        let deadline = ContinuousClock.now + limit
        while true {
            let count = try await sweep.readDue(tenants: tenants)
            var open: AccountView?
            var all: [AccountView] = []
            if let tenants {
                for tenant in tenants { all += try await views.views(tenant: tenant, withComponents: false) }
            } else {
                all = try await views.views(tenant: nil, withComponents: false)
            }
            for view in all {
                if let error = view.error, let at = view.errorAt, at >= asked {
                    throw Failure(account: "\(view.tenantID)/\(view.name)", reason: error)
                }
                if view.sweptFrom.map({ $0 < asked }) ?? true { open = view }
            }
            guard let open else { return all.count }
            guard ContinuousClock.now < deadline else {
                throw Failure(
                    account: "\(open.tenantID)/\(open.name)",
                    reason: "it took longer than \(limit.components.seconds) s"
                )
            }
            // Another process reads the account, and sends no notification when the reading ends.
            if count == 0 { try await Task.sleep(for: .milliseconds(200)) }
        }
    }
}
