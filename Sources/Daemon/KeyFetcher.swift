import AccessTokens
import Logging
import NIOCore
import NIOHTTP1
import OneShotHTTP
import Runtime
import ServiceLifecycle
import Settings

/// Fetches the keys of an identity provider, before the daemon serves and then in the background.
///
/// ``RemoteKeySet`` decides when. A provider that cannot be reached keeps no daemon from starting, because messages need no
/// access tokens: until it answers, the API answers 503 to its tokens. A graceful shutdown lets the fetch that has begun
/// end.
struct KeyFetcher: Service {
    let keys: RemoteKeySet
    let outbound: OutboundSettings
    let logger: Logger
    /// The longest time of a request.
    var timeout = Duration.seconds(5)
    private let wakeup = WakeSignal()

    init(keys: RemoteKeySet, outbound: OutboundSettings, logger: Logger) {
        (self.keys, self.outbound, self.logger) = (keys, outbound, logger)
    }

    /// Fetches the keys for the first time.
    ///
    /// - Throws: ``ConfigurationError`` if only another setting helps.
    func start() async throws(ConfigurationError) {
        do {
            try await keys.refresh(fetch)
        } catch let error as ProviderError {
            if case .otherIssuer = error { throw .malformed("OIDC_ISSUER", problem: "\(error)") }
            warn(error)
        } catch {
            warn(error)
        }
    }

    func run() async {
        keys.serve { wakeup.notify() }
        let loop = PeriodicLoop(every: .seconds(60), wakeup: wakeup, logger: logger, failure: "Fetching keys failed")
        await loop.runAdaptively {
            if keys.pause == .zero {
                do {
                    try await keys.refresh(fetch)
                } catch {
                    // Repeated after the pause that the keys say, so it is not left to the loop.
                    warn(error)
                }
            }
            return .waitFor(keys.pause)
        }
        keys.stop()
    }

    private func warn(_ error: any Error) {
        logger.warning(
            "Could not fetch the keys of the identity provider, previous ones stay in use for a day",
            metadata: ["variable": "\(keys.source.variable)", "problem": "\(ErrorText.of(error))"]
        )
    }

    private func fetch() async throws -> RemoteKeySet.Document {
        switch keys.source {
        case .keys(let address): return try await keySet(at: address)
        case .provider(let signIn):
            guard let description = signIn.description else {
                throw ProviderError.malformed("\(signIn.issuer.text) has no address for its description")
            }
            let body = try await read(description).body
            let metadata = try ProviderMetadata(parsing: body.readableBytesView, issuer: signIn.issuer)
            signIn.metadata = metadata
            return try await keySet(at: metadata.keys)
        }
    }

    private func keySet(at address: SecureAddress) async throws -> RemoteKeySet.Document {
        let answer = try await read(address)
        return .init(
            bytes: Array(answer.body.readableBytesView),
            cacheControl: answer.headers.first(name: "Cache-Control")
        )
    }

    /// The most bytes of an answer; the keys of large providers have about 10 KiB.
    private static let largestAnswer = 256 * 1024

    /// Reads an address once, without following redirects.
    private func read(_ address: SecureAddress) async throws -> PostAnswer {
        guard let origin = HTTPOrigin(url: address.text) else {
            throw ProviderError.noAnswer("\(address.text) is no address of a server")
        }
        var configuration = HTTPPosterConfiguration(
            connectTimeout: timeout / 2,
            requestTimeout: timeout,
            connections: 1,
            largestAnswer: Self.largestAnswer
        )
        configuration.proxy = outbound.proxy(for: origin)
        if origin.isSecure, let path = outbound.certificateFile { try configuration.trust(certificatesIn: path) }
        let poster = try await HTTPPoster.make(for: origin, configuration: configuration)
        let outcome = await poster.post(.get(address.path, headers: ["Accept": "application/json"]))
        await poster.shutdown()
        switch outcome {
        case .answered(let answer) where answer.status == 200 && answer.isWhole: return answer
        case .answered(let answer): throw ProviderError.noAnswer("\(address.text): \(Self.problem(with: answer))")
        case .notWritten(let reason), .lost(let reason): throw ProviderError.noAnswer("\(address.text): \(reason)")
        case .expired: throw ProviderError.noAnswer("\(address.text): no connection became free")
        }
    }

    private static func problem(with answer: PostAnswer) -> String {
        switch answer.status {
        case 200: "the answer is not complete, or has more than \(largestAnswer) bytes"
        case 300..<400: "HTTP \(answer.status): redirects are not followed, so name the final address"
        default: "HTTP \(answer.status)"
        }
    }
}

extension RemoteKeySet.Source {
    /// The variable that names the provider.
    fileprivate var variable: String {
        switch self {
        case .keys: "JWKS_URL"
        case .provider: "OIDC_ISSUER"
        }
    }
}

extension DaemonConfiguration {
    /// Returns the services that fetch keys.
    func keyFetchers(logger: Logger) -> [KeyFetcher] {
        (tokens?.remoteKeys ?? []).map { KeyFetcher(keys: $0, outbound: outbound, logger: logger) }
    }
}
