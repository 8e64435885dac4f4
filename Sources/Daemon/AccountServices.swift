import Account
import Logging
import Postgres
import Runtime
import ServiceLifecycle
import Settings

/// Submits the templates that reconciles wish; ``TemplateSubmitter`` decides which.
struct SubmissionService: Service {
    let submitter: TemplateSubmitter
    let logger: Logger

    /// Runs until a graceful shutdown, which lets the submissions end that have begun.
    func run() async {
        let loop = PeriodicLoop(
            every: .seconds(1),
            logger: logger,
            failure: "Could not look for templates to submit, trying again"
        )
        await loop.runAdaptively { () async throws -> PeriodicLoop.Next in
            try await submitter.submitDue() > 0 ? .again : .wait
        }
    }
}

/// Reads the accounts of tenants at WhatsApp; ``AccountSweep`` decides which and how far.
struct AccountSweeper: Service {
    let sweep: AccountSweep
    let logger: Logger

    /// Runs until a graceful shutdown, which lets the page end that is being read.
    func run() async {
        let loop = PeriodicLoop(
            every: .seconds(2),
            logger: logger,
            failure: "Could not look for accounts to read, trying again"
        )
        await loop.runAdaptively { () async throws -> PeriodicLoop.Next in
            try await sweep.readDue { Task.isShuttingDownGracefully } > 0 ? .again : .wait
        }
    }
}

extension Daemon {
    /// Makes the services that deal with the accounts of tenants at WhatsApp.
    func accountServices(pool: PostgresPool, graph: GraphClient, tokens: TokenResolver) -> [any Service] {
        [
            AccountSweeper(
                sweep: AccountSweep(pool: pool, client: graph, tokens: tokens, logger: logger),
                logger: logger
            ),
            SubmissionService(
                submitter: TemplateSubmitter(
                    pool: pool,
                    client: graph,
                    tokens: tokens,
                    samples: SampleUploads(pool: pool, client: graph),
                    logger: logger
                ),
                logger: logger
            ),
        ]
    }
}
