import API
import AccessTokens
import Dispatch
import Logging
import NIOCertificateReloading
import ServiceLifecycle
import Settings

/// Reads certificates, keys and secrets in files again when it is asked to, as by SIGHUP.
///
/// A part that cannot be read keeps its former value. A graceful shutdown ends after the current reading.
struct Reloader: Service {
    /// Something that can be read again.
    struct Part: Sendable {
        /// The variable that names it.
        let name: String
        /// Reads it; blocks.
        let read: @Sendable () throws -> Void
    }

    let requests: AsyncStream<Void>
    let parts: [Part]
    let logger: Logger
    private let queue = DispatchQueue(label: "campaignd.reload")

    init(requests: AsyncStream<Void>, parts: [Part], logger: Logger) {
        (self.requests, self.parts, self.logger) = (requests, parts, logger)
    }

    func run() async {
        for await _ in requests.cancelOnGracefulShutdown() {
            await withCheckedContinuation { continuation in
                queue.async {
                    read()
                    continuation.resume()
                }
            }
        }
        // Nobody asks any more; a service that ends would end the daemon. Throws only when it is cancelled.
        try? await gracefulShutdown()
    }

    private func read() {
        var names: [String] = []
        for part in parts {
            do {
                try part.read()
                names.append(part.name)
            } catch {
                logger.warning(
                    "Could not reload a variable, its former value stays",
                    metadata: ["variable": "\(part.name)", "problem": "\(error)"]
                )
            }
        }
        logger.notice("Reloaded", metadata: ["variables": "\(names.joined(separator: ", "))"])
    }
}

extension DaemonConfiguration {
    /// Returns everything that may change while the daemon runs.
    ///
    /// Access tokens in files are not among it: they are read whenever they are used.
    func reloadable(_ certificate: CertificateRenewal?) -> [Reloader.Part] {
        var parts: [Reloader.Part] = []
        if let certificate {
            parts.append(.init(name: "TLS_CERTIFICATE_FILE") { try certificate.reloader.reload() })
        }
        if let tokens { parts.append(.init(name: "JWT keys") { try tokens.reload() }) }
        if let appSecretSource { parts.append(.init(name: "WHATSAPP_APP_SECRET") { try appSecretSource.reload() }) }
        if let triggerSecrets { parts.append(.init(name: "TRIGGER_SECRETS") { try triggerSecrets.secrets.reload() }) }
        return parts
    }
}
