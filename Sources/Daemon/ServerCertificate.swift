import Foundation
import HummingbirdTLS
import Logging
import NIOCertificateReloading
import Settings

/// The certificate that the daemon shows to its callers, with its key; read again while it runs, so that a renewal needs
/// no restart.
public struct ServerCertificate: Sendable {
    let chainPath: String
    let keyPath: String
    /// How often the files are read.
    ///
    /// A renewal writes two of them: until they fit together, the former pair stays.
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

    /// What keeps the pair fresh, with the files read a first time.
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
                    logger?.notice("The certificate was renewed", metadata: ["file": "\(chainPath)"])
                }
                configuration.onCertificateLoadFailed = { failure in
                    logger?.warning(
                        "The certificate cannot be read again; the one read before stays",
                        metadata: ["file": "\(chainPath)", "key": "\(keyPath)", "problem": "\(failure.error)"]
                    )
                }
            }
        )
        return CertificateRenewal(reloader: reloader, interval: refreshInterval)
    }
}

extension TimedCertificateReloader {
    /// TLS as the daemon speaks it.
    ///
    /// TLS 1.2 is the oldest version that RFC 8996 leaves.
    func serverConfiguration() throws -> TLSConfiguration {
        var configuration = try TLSConfiguration.makeServerConfiguration(certificateReloader: self)
        configuration.minimumTLSVersion = .tlsv12
        return configuration
    }
}
