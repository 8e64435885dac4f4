import Crypto
public import Foundation
public import NIOSSL
import SwiftASN1
import X509

/// A self-signed certificate for `localhost` with its key, as PEM.
public struct TestCertificate: Sendable {
    public let chain: String
    public let key: String

    /// Makes a certificate.
    ///
    /// - Parameters:
    ///   - start: When it becomes valid, in seconds from now.
    ///   - end: When it expires, in seconds from now.
    ///   - host: The name that it is for.
    /// - Throws: An error of the cryptography.
    public init(from start: TimeInterval = -3_600, until end: TimeInterval = 86_400, host: String = "localhost") throws
    {
        let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let name = try DistinguishedName { CommonName("localhost") }
        let certificate = try Certificate(
            version: .v3,
            serialNumber: .init(),
            publicKey: key.publicKey,
            notValidBefore: Date(timeIntervalSinceNow: start),
            notValidAfter: Date(timeIntervalSinceNow: end),
            issuer: name,
            subject: name,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try .init {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                SubjectAlternativeNames([.dnsName(host)])
            },
            issuerPrivateKey: key
        )
        chain = try certificate.serializeAsPEM().pemString
        self.key = try key.serializeAsPEM().pemString
    }

    /// Writes both files into a folder, each atomically.
    public func write(to folder: URL) throws {
        try Data(chain.utf8).write(to: folder.appending(path: "chain.pem"), options: .atomic)
        try Data(key.utf8).write(to: folder.appending(path: "key.pem"), options: .atomic)
    }
}

extension TestCertificate {
    /// Roots that a client must trust.
    public var roots: [NIOSSLCertificate] {
        get throws { try NIOSSLCertificate.fromPEMBytes(Array(chain.utf8)) }
    }

    /// TLS settings of a server with this certificate.
    public func serverContext() throws -> NIOSSLContext {
        try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: roots.map { .certificate($0) },
                privateKey: .privateKey(NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem))
            )
        )
    }
}
