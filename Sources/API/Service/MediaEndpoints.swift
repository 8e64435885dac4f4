import Foundation
import HTTPTypes
import Hummingbird
import JSON
import Spec
import Store

/// The files beside the specs of a tenant: what they are, and the pictures among them.
struct MediaEndpoints: Sendable {
    let media: MediaRepository

    var all: [Endpoint] { [facts, image] }

    private static let path = "/media/{digest}"
    private static let pathShapes = ["digest": Shape.text(64...64)]
    /// The pictures that WhatsApp takes, in which browsers run nothing.
    private static let pictures: Set<String> = ["image/jpeg", "image/png"]

    private var facts: Endpoint {
        Endpoint(
            method: .get,
            path: Self.path,
            name: "getFile",
            tag: "templates",
            summary: "Get what is known of a file beside the specs",
            pathShapes: Self.pathShapes,
            responses: [.json(.ok, "The file.", .object(Self.shape), example: Self.example)],
            handle: .checked { call in
                guard let facts = try await media.facts(of: Self.key(call)) else { throw Problem.notFound("file") }
                return .json(
                    .fields([
                        "type": .string(facts.type), "bytes": .integer(facts.count),
                        "path": facts.path.map(JSONValue.string),
                    ])
                )
            }
        )
    }

    private var image: Endpoint {
        Endpoint(
            method: .get,
            path: "\(Self.path)/image",
            name: "getImage",
            tag: "templates",
            summary: "Get a picture beside the specs",
            details:
                "Answers 404 for films and documents. The type is that of the content, JPEG or PNG, whatever its ending says.",
            pathShapes: Self.pathShapes,
            responses: [
                Endpoint.ResponseShape(
                    status: .ok,
                    description: "The picture.",
                    content: Self.pictures.sorted().map { .init(mediaType: $0, shape: .any, example: "") }
                )
            ],
            handle: .checked { call in
                let key = try Self.key(call)
                // A film of 16 MB is not read to be refused.
                guard let facts = try await media.facts(of: key), Self.pictures.contains(facts.type),
                    let bytes = try await media.bytes(of: key)?.bytes,
                    let type = MediaReference.type(of: bytes), Self.pictures.contains(type)
                else { throw Problem.notFound("picture") }
                var answer = APIResponse(content: .bytes(bytes, mediaType: type))
                answer.headers[.xContentTypeOptions] = "nosniff"
                // Nothing in it is a page, if somebody opens the address itself.
                answer.headers[.contentSecurityPolicy] = "default-src 'none'; sandbox; frame-ancestors 'none'"
                answer.headers[.contentDisposition] = "attachment"
                return answer
            }
        )
    }

    /// Returns the file of the tenant of the caller.
    private static func key(_ call: APICall) throws(Problem) -> MediaRepository.Key {
        guard let digest = call.context.parameters.get("digest") else { throw .notFound("file") }
        return MediaRepository.Key(tenant: call.tenant, digest: digest)
    }

    private static let shape = ObjectShape(
        "StoredFile",
        "A file beside the specs.",
        [
            ShapeField("type", .text(upTo: 100), isRequired: true, "Media type.", example: "image/jpeg"),
            ShapeField("bytes", .count, isRequired: true, "Number of bytes.", example: 34_816),
            ShapeField(
                "path",
                .text(upTo: 4_096),
                "Path below the folder of specs; absent for files that were applied by a version before.",
                example: "acme/images/spring.jpg"
            ),
        ]
    )

    private static let example: JSONValue = ["type": "image/jpeg", "bytes": 34_816, "path": "acme/images/spring.jpg"]
}
