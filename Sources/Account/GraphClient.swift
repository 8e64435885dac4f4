import AsyncHTTPClient
package import Foundation
package import JSON
import NIOCore
import NIOFoundationCompat
package import NIOHTTP1
import NIOPosix
import NIOSSL
package import OneShotHTTP
package import Settings

/// Calls the management side of Meta's Graph API: templates, numbers, accounts, uploads.
///
/// A client owns its connections; ``shutdown()`` must follow. Redirects are never followed, calls are never repeated, and the token
/// stands only in the header `Authorization`: no error, and so no log line, shows it.
package final class GraphClient: Sendable {
    /// The most bytes of an answer.
    package static let largestAnswer = 4 * 1024 * 1024

    /// The address of the API with its version, without a slash at the end.
    package let url: String
    let client: HTTPClient
    private let outbound: OutboundSettings
    private let connectTimeout: Duration

    /// Makes a client.
    ///
    /// - Parameters:
    ///   - url: The address of the API, with its version, as `WHATSAPP_API_URL` has it.
    ///   - outbound: The proxy, and the certificates to trust.
    ///   - connectTimeout: The longest time for a connection; a call that gets none was not written.
    /// - Throws: ``ConfigurationError`` when `url` is not an address of a server.
    package init(
        url: String,
        outbound: OutboundSettings = OutboundSettings(),
        connectTimeout: Duration = .seconds(5)
    ) throws(ConfigurationError) {
        guard let origin = HTTPOrigin(url: url) else {
            throw .malformed("WHATSAPP_API_URL", problem: "`\(url)` is no http or https address")
        }
        self.url = url
        (self.outbound, self.connectTimeout) = (outbound, connectTimeout)
        client = HTTPClient(
            eventLoopGroup: HTTPClient.defaultEventLoopGroup,
            configuration: Self.configuration(for: origin, outbound, connectTimeout)
        )
    }

    private static func configuration(
        for origin: HTTPOrigin,
        _ outbound: OutboundSettings,
        _ connectTimeout: Duration
    ) -> HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow, decompression: .disabled)
        configuration.timeout.connect = TimeAmount(connectTimeout)
        configuration.httpVersion = .http1Only
        // Shorter than servers keep a connection, so that no call meets one that is being closed.
        configuration.connectionPool.idleTimeout = .seconds(20)
        // A server that refuses connections says so at once, rather than at the deadline.
        configuration.connectionPool.retryConnectionEstablishment = false
        if let proxy = outbound.proxy(for: origin) {
            configuration.proxy = .server(
                host: proxy.host,
                port: proxy.port,
                authorization: proxy.authorization.map { .basic(credentials: String($0.dropFirst("Basic ".count))) }
            )
        }
        if origin.isSecure {
            var tls = TLSConfiguration.makeClientConfiguration()
            // Older versions must not be used (RFC 8996).
            tls.minimumTLSVersion = .tlsv12
            if let path = outbound.certificateFile { tls.trustRoots = .file(path) }
            configuration.tlsConfiguration = tls
        }
        return configuration
    }

    /// Makes a client of `WHATSAPP_API_URL` and the settings of the way out.
    ///
    /// - Throws: ``ConfigurationError``.
    package convenience init(_ variables: Variables) throws(ConfigurationError) {
        try self.init(url: try variables.graphAPI(), outbound: try OutboundSettings(variables))
    }

    /// Makes a client for the daemon itself, by its address from outside, `PUBLIC_URL`.
    ///
    /// - Returns: `nil` if the variable is unset.
    /// - Throws: ``ConfigurationError``.
    package static func outside(_ variables: Variables) throws(ConfigurationError) -> GraphClient? {
        guard let url = try variables.url("PUBLIC_URL", example: "https://campaigns.example") else { return nil }
        guard HTTPOrigin(url: url) != nil else {
            throw .malformed("PUBLIC_URL", problem: "`\(url)` is no http or https address")
        }
        return try GraphClient(url: url, outbound: try OutboundSettings(variables))
    }

    /// Closes the connections; calls under way are lost.
    package func shutdown() async {
        // Fails only if it is shut down already.
        try? await client.shutdown()
    }

    /// Does one call.
    ///
    /// - Parameters:
    ///   - method: The method, such as `GET`.
    ///   - path: The path below the version, such as `/102290129340398/message_templates`.
    ///   - query: The parameters, without the token; values are encoded here.
    ///   - body: The JSON of the request; `nil` for none.
    ///   - headers: Further headers.
    ///   - token: The token of the account.
    ///   - deadline: The longest time until the whole answer is here.
    /// - Returns: The answer to a call that was done.
    /// - Throws: ``GraphError``, without the token.
    package func call(
        _ method: HTTPMethod = .GET,
        _ path: String,
        query: [String: String] = [:],
        body: JSONValue? = nil,
        headers: HTTPHeaders = [:],
        token: AccessToken,
        deadline: Duration = .seconds(30)
    ) async throws(GraphError) -> GraphAnswer {
        var request = HTTPClientRequest(url: url + path + Self.text(of: query))
        request.method = method
        request.headers = headers
        if let body {
            request.headers.replaceOrAdd(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(string: body.canonicalText))
        }
        let secrets = [query["input_token"]].compactMap(\.self)
        return try await send(request, token: token, secrets: secrets, within: deadline)
    }

    /// Sends a request that is complete but for its token.
    ///
    /// - Parameters:
    ///   - request: The request; files are uploaded in its body.
    ///   - token: The token of the account.
    ///   - scheme: The scheme of `Authorization`; resumable uploads take `OAuth`.
    ///   - secrets: Other texts that must not stand in errors.
    ///   - deadline: The longest time until the whole answer is here.
    /// - Returns: The answer to a call that was done.
    /// - Throws: ``GraphError``.
    func send(
        _ request: HTTPClientRequest,
        token: AccessToken,
        scheme: String = "Bearer",
        secrets: [String] = [],
        within deadline: Duration
    ) async throws(GraphError) -> GraphAnswer {
        var request = request
        request.headers.replaceOrAdd(name: "Authorization", value: "\(scheme) \(token.value)")
        request.headers.replaceOrAdd(name: "Accept", value: "application/json")
        let sent = request
        let outcome = await withTaskGroup(of: Result<RawAnswer, GraphError>?.self) { group in
            group.addTask { await self.exchange(sent, within: deadline) }
            group.addTask {
                // The library's deadline ends with the head of the answer; cancelled once the answer is here.
                do { try await Task.sleep(for: deadline + .seconds(1)) } catch { return nil }
                return .failure(.lost("no whole answer within \(deadline.components.seconds) s"))
            }
            defer { group.cancelAll() }
            while let outcome = await group.next() {
                if let outcome { return outcome }
            }
            return .failure(GraphError.lost("cancelled"))
        }
        return try outcome.get().answer(hiding: [token.value] + secrets)
    }

    private func exchange(
        _ request: HTTPClientRequest,
        within deadline: Duration
    ) async -> Result<RawAnswer, GraphError> {
        do {
            let response = try await client.execute(request, deadline: .now() + TimeAmount(deadline))
            do {
                let body = try await response.body.collect(upTo: Self.largestAnswer)
                return .success(RawAnswer(status: response.status, headers: response.headers, body: body))
            } catch is NIOTooManyBytesError {
                return .failure(.unreadable("the answer has more than \(Self.largestAnswer / 1024 / 1024) MiB"))
            }
        } catch {
            return .failure(Self.error(of: error))
        }
    }

    /// Reads a file of another server, without a token, if the server is in the public internet.
    ///
    /// - Parameters:
    ///   - url: The address of the file.
    ///   - limit: The most bytes.
    ///   - deadline: The longest time until the whole file is here.
    /// - Returns: The status, and the file; `nil` for a larger one.
    /// - Throws: ``GraphError``, or ``PublicAddress/Refused``.
    func download(
        _ url: String,
        upTo limit: Int,
        within deadline: Duration
    ) async throws -> (HTTPResponseStatus, ByteBuffer?) {
        typealias File = (HTTPResponseStatus, ByteBuffer?)
        let outcome = await withTaskGroup(of: Result<File, any Error>?.self) { group in
            group.addTask {
                let configuration: HTTPClient.Configuration
                do {
                    configuration = try await self.configuration(ofDownload: url)
                } catch {
                    return .failure(error)
                }
                // Its own client, because which address a name has is a setting of the client.
                let client = HTTPClient(
                    eventLoopGroup: HTTPClient.defaultEventLoopGroup,
                    configuration: configuration
                )
                let outcome = await Self.file(url, upTo: limit, within: deadline, of: client)
                try? await client.shutdown()
                return outcome
            }
            group.addTask {
                // As for calls: the library's deadline ends with the head of the answer.
                do { try await Task.sleep(for: deadline) } catch { return nil }
                return .failure(GraphError.lost("no whole file within \(deadline.components.seconds) s"))
            }
            defer { group.cancelAll() }
            while let outcome = await group.next() {
                if let outcome { return outcome }
            }
            return .failure(GraphError.lost("cancelled"))
        }
        return try outcome.get()
    }

    private static func file(
        _ url: String,
        upTo limit: Int,
        within deadline: Duration,
        of client: HTTPClient
    ) async -> Result<(HTTPResponseStatus, ByteBuffer?), any Error> {
        do {
            let response = try await client.execute(HTTPClientRequest(url: url), timeout: TimeAmount(deadline))
            do {
                return .success((response.status, try await response.body.collect(upTo: limit)))
            } catch is NIOTooManyBytesError {
                return .success((response.status, nil))
            }
        } catch {
            return .failure(Self.error(of: error))
        }
    }

    /// Returns the settings of a client that reads one file, and connects only to an address that was checked.
    private func configuration(ofDownload url: String) async throws -> HTTPClient.Configuration {
        // The host as the library reads it, or the library would resolve another one.
        guard let origin = HTTPOrigin(url: url), let host = URL(string: url)?.host else {
            throw PublicAddress.Refused(host: url)
        }
        var configuration = Self.configuration(for: origin, outbound, connectTimeout)
        guard !outbound.allowsPrivateLinks else { return configuration }
        do {
            configuration.dnsOverride[host] = try await PublicAddress.address(of: host)
        } catch let refusal as PublicAddress.Refused {
            throw refusal
        } catch {
            // Behind a proxy there may be no name server; which names the proxy resolves is up to it.
            guard outbound.proxy(for: origin) != nil else {
                throw GraphError.notWritten("the name `\(host)` has no address")
            }
        }
        return configuration
    }

    /// Tells requests that were not written from those that may have been.
    static func error(of error: any Error) -> GraphError {
        guard let error = error as? HTTPClientError else {
            // The library wraps no errors of sockets; those of connections that were never made have types of their own.
            return connection(error).map { .notWritten($0) } ?? .lost(ErrorText.of(error))
        }
        let unwritten: [HTTPClientError] = [
            .connectTimeout, .getConnectionFromPoolTimeout, .tlsHandshakeTimeout, .httpProxyHandshakeTimeout,
            .proxyAuthenticationRequired, .invalidProxyResponse, .invalidURL, .emptyHost, .alreadyShutdown,
        ]
        return unwritten.contains(error) ? .notWritten(error.shortDescription) : .lost(error.shortDescription)
    }

    /// Returns the reason why there is no connection; `nil` if there was one.
    private static func connection(_ error: any Error) -> String? {
        switch error {
        case let error as NIOConnectionError:
            let reason = error.connectionErrors.first.map { ErrorText.of($0.error) }
            return "no connection to \(error.host):\(error.port)" + (reason.map { ": \($0)" } ?? "")
        // An address without a name fails as its socket does. Sockets with a connection never have this error.
        case let error as IOError where error.errnoCode == ECONNREFUSED: return "the connection was refused"
        case NIOSSLError.handshakeFailed: return "TLS: \(error)"
        case let error as NIOSSLExtraError: return "TLS: \(error)"
        default: return nil
        }
    }

    /// Writes parameters in the order of their names.
    static func text(of query: [String: String]) -> String {
        guard !query.isEmpty else { return "" }
        var legal = CharacterSet.alphanumerics
        legal.insert(charactersIn: "-._~")
        let pairs = query.sorted { $0.key < $1.key }.map { name, value in
            "\(name)=\(value.addingPercentEncoding(withAllowedCharacters: legal) ?? "")"
        }
        return "?" + pairs.joined(separator: "&")
    }
}

/// The answer to a call that was done.
package struct GraphAnswer: Sendable {
    package let status: Int
    package let json: JSONValue
    /// The part of the allowed calls that is used; `nil` if the answer does not tell it.
    package let usage: GraphUsage?
    /// The server's time, in whole seconds; `nil` if the answer has none.
    package let date: Date?
}

/// The part of the calls to an account that is used, as the header `X-Business-Use-Case-Usage` tells it.
package struct GraphUsage: Hashable, Sendable {
    /// The highest of the shares of calls and of time, in per cent.
    package let percent: Int
    /// The minutes until calls are allowed again; 0 while they are.
    package let regainMinutes: Int

    package init(percent: Int, regainMinutes: Int = 0) {
        (self.percent, self.regainMinutes) = (percent, regainMinutes)
    }

    /// Reads the header; `nil` if it is none of that form.
    init?(header: String) {
        guard let uses = try? JSONValue(parsing: header.utf8, isLenient: true).fields else { return nil }
        let entries = uses.values.flatMap { $0.arrayValue ?? [] }
        guard !entries.isEmpty else { return nil }
        let shares = entries.flatMap { entry in
            ["call_count", "total_cputime", "total_time"].compactMap { entry[$0]?.integerValue }
        }
        percent = shares.max() ?? 0
        regainMinutes = entries.compactMap { $0["estimated_time_to_regain_access"]?.integerValue }.max() ?? 0
    }
}

/// An answer as it came.
private struct RawAnswer: Sendable {
    let status: HTTPResponseStatus
    let headers: HTTPHeaders
    let body: ByteBuffer

    func answer(hiding secrets: [String]) throws(GraphError) -> GraphAnswer {
        let json = try? JSONValue(parsing: body.readableBytesView, isLenient: true)
        let usage = headers.first(name: "X-Business-Use-Case-Usage").flatMap(GraphUsage.init(header:))
        if let error = json?["error"], error.fields != nil {
            let refusal = GraphRefusal(error, status: Int(status.code), hiding: secrets)
            throw GraphError(refusal, regainMinutes: usage?.regainMinutes ?? 0)
        }
        switch status.code {
        case 200..<300:
            guard let json else { throw .unreadable("HTTP \(status.code) without JSON") }
            let date = headers.first(name: "Date").flatMap(Self.date)
            return GraphAnswer(status: Int(status.code), json: json, usage: usage, date: date)
        case 300..<400: throw .unreadable("HTTP \(status.code): redirects are not followed, name the final address")
        case 429:
            throw GraphError(
                GraphRefusal(.object([:]), status: 429, hiding: secrets),
                regainMinutes: usage?.regainMinutes ?? 0
            )
        // Written by a gateway, which may have passed the call on.
        case 500...: throw .lost("HTTP \(status.code) without an error of the API")
        default: throw .unreadable("HTTP \(status.code) without an error of the API")
        }
    }

    private static func date(_ text: String) -> Date? {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(secondsFromGMT: 0)
        format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss zzz"
        return format.date(from: text)
    }
}
