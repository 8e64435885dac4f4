import Dispatch
import Foundation
import HummingbirdTLS
import Logging
import NIOCertificateReloading
import Runtime
import ServiceLifecycle
import Settings

/// The TLS certificate of the daemon, with its key; both are reloaded periodically, so a renewal needs no restart.
public struct ServerCertificate: Sendable {
    let chainPath: String
    let keyPath: String
    /// Interval at which the files are reloaded.
    ///
    /// A renewal writes two files: until they match, the previous pair stays in use.
    var refreshInterval = Duration.seconds(60)

    /// Reads `TLS_CERTIFICATE_FILE` and `TLS_PRIVATE_KEY_FILE`, both PEM.
    ///
    /// - Returns: `nil` when neither is set.
    /// - Throws: ``ConfigurationError`` when only one of them is set, a file cannot be used, or the two do not belong
    ///   together.
    static func read(_ variables: Variables) throws(ConfigurationError) -> ServerCertificate? {
        let chain = "TLS_CERTIFICATE_FILE"
        let key = "TLS_PRIVATE_KEY_FILE"
        switch (variables[chain], variables[key]) {
        case (nil, nil): return nil
        case (nil, _): throw .missing(chain, example: "/etc/campaignd/fullchain.pem")
        case (_, nil): throw .missing(key, example: "/etc/campaignd/privkey.pem")
        case (let chainPath?, let keyPath?):
            try checkReadable(chainPath, named: chain)
            try checkReadable(keyPath, named: key)
            let certificate = ServerCertificate(chainPath: chainPath, keyPath: keyPath)
            do {
                _ = try certificate.renewal(logger: nil)
            } catch {
                throw .malformed(
                    chain,
                    problem: """
                        `\(chainPath)` with the key in `\(keyPath)` cannot be used: \(error); it takes a chain of \
                        certificates, our own first, and its key without a password, both PEM
                        """
                )
            }
            return certificate
        }
    }

    private static func checkReadable(_ path: String, named variable: String) throws(ConfigurationError) {
        guard FileManager.default.isReadableFile(atPath: path) else {
            throw .malformed(variable, problem: "`\(path)` cannot be read")
        }
    }

    /// Loads the files, and makes the service that reloads them.
    ///
    /// - Throws: `TimedCertificateReloader.Error`, and errors of the parsers.
    func renewal(logger: Logger?) throws -> CertificateRenewal {
        let (chainPath, keyPath) = (chainPath, keyPath)
        let reloader = try TimedCertificateReloader.makeReloaderValidatingSources(
            configuration: .init(
                refreshInterval: refreshInterval,
                certificateSource: .init(location: .file(path: chainPath), format: .pem),
                privateKeySource: .init(location: .file(path: keyPath), format: .pem)
            ) { configuration in
                configuration.onCertificateLoaded = { change in
                    guard let previous = change.previousX509CertificateChain,
                        previous != change.currentX509CertificateChain
                    else { return }
                    logger?.notice("TLS certificate reloaded", metadata: ["file": "\(chainPath)"])
                }
                configuration.onCertificateLoadFailed = { failure in
                    logger?.warning(
                        "Could not reload the TLS certificate, the previous one stays",
                        metadata: [
                            "file": "\(chainPath)", "key": "\(keyPath)", "problem": "\(ErrorText.of(failure.error))",
                        ]
                    )
                }
            }
        )
        return CertificateRenewal(
            reloader: reloader,
            interval: refreshInterval,
            logger: logger ?? Logger(label: "certificate") { _ in SwiftLogNoOpLogHandler() }
        )
    }
}

extension TimedCertificateReloader {
    /// Makes the TLS configuration of the server, with TLS 1.2 as the oldest version, as RFC 8996 demands.
    func serverConfiguration() throws -> TLSConfiguration {
        var configuration = try TLSConfiguration.makeServerConfiguration(certificateReloader: self)
        configuration.minimumTLSVersion = .tlsv12
        return configuration
    }
}

/// Periodically reloads the TLS certificate.
///
/// The reloader's own loop would read files on the cooperative thread pool, where a slow disk blocks all other tasks; this
/// one uses a dispatch queue. A graceful shutdown ends after the current reload.
struct CertificateRenewal: Service {
    let reloader: TimedCertificateReloader
    let interval: Duration
    let logger: Logger
    private let queue = DispatchQueue(label: "campaignd.certificate")

    init(reloader: TimedCertificateReloader, interval: Duration, logger: Logger) {
        self.reloader = reloader
        self.interval = interval
        self.logger = logger
    }

    func run() async {
        let loop = PeriodicLoop(every: interval, logger: logger, failure: "Could not reload the TLS certificate")
        await loop.run {
            await withCheckedContinuation { continuation in
                queue.async {
                    // A failure is logged by the reloader's callback, and the previous pair stays.
                    try? reloader.reload()
                    continuation.resume()
                }
            }
        }
    }
}
