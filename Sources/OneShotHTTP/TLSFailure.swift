import Foundation
import NIOCore
import NIOSSL

/// A certificate of the server that is not trusted.
struct UntrustedCertificate: Error, CustomStringConvertible {
    /// Seconds since 1970 from which and until which it is valid.
    let validity: ClosedRange<Int>

    init(_ certificate: NIOSSLCertificate) {
        let start = Int(certificate.notValidBefore)
        validity = start...max(start, Int(certificate.notValidAfter))
    }

    var description: String { "the certificate is not trusted" }
}

/// Puts errors of TLS into words.
///
/// The errors of BoringSSL themselves are names of constants, with the path of a file on the machine that compiled it.
enum TLSFailure {
    /// Returns what is wrong with the server; `nil` if it is no error of TLS.
    static func words(of error: any Error, host: String, now: Date = Date()) -> String? {
        switch error {
        case let error as UntrustedCertificate: words(of: error, now: now)
        case let error as NIOSSLExtraError where error == .failedToValidateHostname:
            "its certificate is for another name than \(host): check the address"
        case let error as NIOSSLExtraError:
            error == .serverHostnameImpossibleToMatch || error == .invalidSNIHostname
                ? "\(host) is a name that no certificate can have" : "the handshake failed"
        case NIOSSLError.handshakeFailed(let error): words(of: error)
        case NIOSSLError.uncleanShutdown: "the connection was closed without notice"
        case is NIOSSLError: "the handshake failed"
        case let error as BoringSSLError: words(of: error)
        default: nil
        }
    }

    private static func words(of certificate: UntrustedCertificate, now: Date) -> String {
        let now = Int(now.timeIntervalSince1970)
        if now > certificate.validity.upperBound {
            return "its certificate expired on \(day(certificate.validity.upperBound))"
        }
        if now < certificate.validity.lowerBound {
            let day = day(certificate.validity.lowerBound)
            return "its certificate is valid from \(day) on: check the clock of this machine"
        }
        return "the issuer of its certificate is unknown: if it is your own, name a file with it in SSL_CERT_FILE"
    }

    private static func day(_ seconds: Int) -> String {
        Date(timeIntervalSince1970: TimeInterval(seconds)).formatted(.iso8601.year().month().day())
    }

    private static func words(of error: BoringSSLError) -> String {
        guard let name = name(in: "\(error)") else {
            let isOver = "\(error)".contains("EOF")
            return isOver ? "the connection was closed during the handshake" : "the handshake failed"
        }
        switch name {
        case "CERTIFICATE_VERIFY_FAILED":
            return "its certificate is not trusted: name a file with its issuer in SSL_CERT_FILE"
        case "UNSUPPORTED_PROTOCOL", "WRONG_SSL_VERSION", "TLSV1_ALERT_PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE":
            return "it speaks no TLS 1.2 or newer"
        case "WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST":
            return "it does not speak TLS on this port: check scheme and port of the address"
        case "SSLV3_ALERT_HANDSHAKE_FAILURE", "NO_SHARED_CIPHER", "NO_CIPHER_MATCH":
            return "it has no cipher in common with this program"
        default:
            return name.lowercased().replacing("_", with: " ")
        }
    }

    /// Finds the name of the first error, such as `CERTIFICATE_VERIFY_FAILED`, in a description of errors.
    private static func name(in text: String) -> String? {
        guard let match = text.firstMatch(of: /OPENSSL_internal:([A-Z0-9_]+)/) else { return nil }
        return String(match.1)
    }
}

/// Makes the handler that encrypts a connection.
private protocol EncryptionHandlers {
    static func handler(
        _ context: NIOSSLContext,
        _ serverName: String?,
        rejected: @escaping (NIOSSLCertificate) -> Void
    ) throws -> NIOSSLClientHandler
}

/// Verification stays BoringSSL's own; the handler only looks on.
///
/// The error of BoringSSL does not say what is wrong with the certificate. SwiftNIO calls the initializer deprecated, as it
/// is an easy place to break verification, and has no other one that leaves verification as it is.
private enum WatchedVerification: EncryptionHandlers {
    @available(*, deprecated)
    static func handler(
        _ context: NIOSSLContext,
        _ serverName: String?,
        rejected: @escaping (NIOSSLCertificate) -> Void
    ) throws -> NIOSSLClientHandler {
        try NIOSSLClientHandler(context: context, serverHostname: serverName) { result, certificate in
            if case .failed = result { rejected(certificate) }
            return result
        }
    }
}

extension NIOSSLClientHandler {
    /// Makes a handler that tells which certificate is not trusted, before its error.
    static func watched(
        context: NIOSSLContext,
        serverName: String?,
        rejected: @escaping (NIOSSLCertificate) -> Void
    ) throws -> NIOSSLClientHandler {
        func make(by handlers: (some EncryptionHandlers).Type) throws -> NIOSSLClientHandler {
            try handlers.handler(context, serverName, rejected: rejected)
        }
        return try make(by: WatchedVerification.self)
    }
}
