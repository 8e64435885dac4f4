import AsyncHTTPClient
import Foundation
import JSON
import NIOCore
import NIOHTTP1
package import Postgres
package import Settings
package import Spec
package import Store

/// Uploads the files that WhatsApp's reviewers see in place of those that campaigns send.
package protocol SampleHandles: Sendable {
    /// Uploads a file right before its template is submitted; a handle does not live long.
    ///
    /// - Parameters:
    ///   - sample: The file.
    ///   - claim: The wish that needs it, with its account.
    ///   - token: The token of the account.
    /// - Returns: The handle.
    /// - Throws: ``SampleError``, or a ``GraphError`` of the upload.
    func handle(for sample: TemplateSubmission.Sample, of claim: SubmissionClaim, token: AccessToken) async throws
        -> String
}

/// The reason why a file cannot be uploaded, for people; a later try brings the same.
package struct SampleError: Error, Hashable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// The reason why the server of a file gave none, for people; a later try may bring the file.
private struct UnreachedFile: Error, CustomStringConvertible {
    let description: String
}

/// Uploads samples through the app of the account, by Meta's resumable uploads.
package struct SampleUploads: SampleHandles {
    /// The most bytes of a file behind a link, as of files beside specs.
    private static let largest = 16 * 1024 * 1024
    /// The longest time for the way of one file to here, and for that to WhatsApp.
    private static let deadline = Duration.seconds(120)

    private let client: GraphClient
    private let media: MediaRepository

    package init(pool: PostgresPool, client: GraphClient) {
        media = MediaRepository(pool: pool)
        self.client = client
    }

    package func handle(
        for sample: TemplateSubmission.Sample,
        of claim: SubmissionClaim,
        token: AccessToken
    ) async throws -> String {
        guard let app = claim.appID else {
            throw SampleError(
                "the file of `\(sample.key)` is uploaded through an app; give account `\(claim.record.wish.account)` its `appId`"
            )
        }
        let (type, bytes) = try await file(of: sample, tenant: claim.record.wish.tenantID)
        guard MediaReference.reviewedTypes.contains(type) else {
            throw SampleError("WhatsApp's reviewers take JPEG, PNG, MP4 and PDF, and `\(sample.key)` is \(type)")
        }
        let upload = try await client.call(
            .POST,
            "/\(app)/uploads",
            query: ["file_name": sample.key, "file_length": "\(bytes.count)", "file_type": type],
            token: token
        )
        // It is a part of an address, so nothing else may be in it.
        guard let id = upload.json["id"]?.stringValue, id.hasPrefix("upload:"),
            id.utf8.allSatisfy({ (UInt8(ascii: "!")...UInt8(ascii: "~")).contains($0) && $0 != UInt8(ascii: "#") })
        else { throw GraphError.unreadable("an upload without an id") }
        var request = HTTPClientRequest(url: "\(client.url)/\(id)")
        request.method = .POST
        request.headers.add(name: "file_offset", value: "0")
        request.headers.add(name: "Content-Type", value: type)
        request.body = .bytes(ByteBuffer(bytes: bytes))
        let answer = try await client.send(request, token: token, scheme: "OAuth", within: Self.deadline)
        guard let handle = answer.json["h"]?.stringValue, !handle.isEmpty else {
            throw GraphError.unreadable("an upload without a handle")
        }
        return handle
    }

    /// Returns a file that an apply stored, or the one behind a link.
    private func file(
        of sample: TemplateSubmission.Sample,
        tenant: String
    ) async throws -> (type: String, bytes: [UInt8]) {
        guard let reference = sample.media else { return try await download(sample) }
        let key = MediaRepository.Key(tenant: tenant, digest: reference.digest)
        guard let found = try await media.bytes(of: key) else {
            throw SampleError("the file of `\(sample.key)` is not stored any more; apply its spec again")
        }
        return found
    }

    /// Reads the file behind a link, without the token and without following redirects.
    private func download(_ sample: TemplateSubmission.Sample) async throws -> (type: String, bytes: [UInt8]) {
        let (status, body): (HTTPResponseStatus, ByteBuffer?)
        do {
            (status, body) = try await client.download(sample.link, upTo: Self.largest, within: Self.deadline)
        } catch let refused as PublicAddress.Refused {
            throw SampleError(
                "`\(sample.link)` of `\(sample.key)` is not read: \(refused); put the file beside the spec, and name its path"
            )
        } catch let error as GraphError {
            throw UnreachedFile(description: "of `\(sample.key)`, \(error.words(of: "`\(sample.link)`"))")
        }
        guard status == .ok else {
            throw SampleError("`\(sample.link)` of `\(sample.key)` answers HTTP \(status.code), not 200 with the file")
        }
        guard let body else { throw SampleError("`\(sample.link)` of `\(sample.key)` has more than 16 MB") }
        let bytes = Array(body.readableBytesView)
        guard let type = MediaReference.type(of: bytes) else {
            throw SampleError("`\(sample.link)` of `\(sample.key)` is no picture, film or document that WhatsApp takes")
        }
        return (type, bytes)
    }
}
