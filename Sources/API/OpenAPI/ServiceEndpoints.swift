import HTTPTypes
import JSON
import Spec

/// The routes that are registered beside the table of endpoints, for the description.
enum ServiceEndpoints {
    private static let readiness = ObjectShape(
        "Readiness",
        "Whether the daemon has all that it needs.",
        [
            ShapeField("postgres", .text(0...10_000), isRequired: true, "`ok`, or what is wrong.", example: "ok"),
            ShapeField("redis", .text(0...10_000), isRequired: true, "`ok`, or what is wrong.", example: "ok"),
            ShapeField("schema", .text(0...10_000), isRequired: true, "`ok`, or what is wrong.", example: "ok"),
            ShapeField("epoch", .text(0...10_000), isRequired: true, "`ok`, or what is wrong.", example: "ok"),
            ShapeField("specs", .map(.any, keys: 0...20), "How applying the specs fares."),
        ]
    )

    private static let ready: JSONValue = ["postgres": "ok", "redis": "ok", "schema": "ok", "epoch": "ok"]

    static let all: [Endpoint] = [
        plain("/healthz", "isAlive", "Tell whether the process lives", "It lives.", example: "ok\n"),
        Endpoint(
            method: .get,
            path: "/readyz",
            name: "isReady",
            tag: "service",
            summary: "Tell whether the daemon has all that it needs",
            access: .everybody,
            answers: [
                .json(.ok, "It has.", .object(readiness), example: ready),
                .json(.serviceUnavailable, "Something is missing.", .object(readiness), example: ready),
            ]
        ),
        plain(
            "/metrics",
            "getMetrics",
            "Get the metrics, in the text format of Prometheus",
            "The metrics.",
            example: ""
        ),
        Endpoint(
            method: .get,
            path: "/openapi.json",
            name: "getDescription",
            tag: "service",
            summary: "Get this description",
            access: .everybody,
            answers: [.json(.ok, "The description.", .map(.any, keys: 0...100), example: ["openapi": "3.1.0"])]
        ),
        Endpoint(
            method: .get,
            path: "/webhooks/whatsapp",
            name: "verifyWebhook",
            tag: "service",
            summary: "Prove to WhatsApp that the address is ours",
            access: .everybody,
            query: [
                QueryParameter("hub.mode", .text(0...100), "`subscribe`."),
                QueryParameter("hub.challenge", .text(0...1_000), "What is sent back."),
                QueryParameter("hub.verify_token", .text(0...1_000), "WHATSAPP_VERIFY_TOKEN."),
            ],
            answers: [
                Endpoint.Answer(
                    status: .ok,
                    description: "The challenge.",
                    content: [.init(mediaType: "text/plain", shape: .text(0...1_000), example: "1158201444")]
                ),
                Endpoint.Answer(status: .forbidden, description: "The token is not ours."),
            ]
        ),
        Endpoint(
            method: .post,
            path: "/webhooks/whatsapp",
            name: "receiveWebhook",
            tag: "service",
            summary: "Take reports and messages from WhatsApp",
            details: "Signed with WHATSAPP_APP_SECRET in the header X-Hub-Signature-256.",
            access: .everybody,
            answers: [
                Endpoint.Answer(status: .ok, description: "Everything in it is stored."),
                Endpoint.Answer(status: .badRequest, description: "It cannot be read."),
                Endpoint.Answer(status: .unauthorized, description: "The signature is missing or wrong."),
                Endpoint.Answer(status: .contentTooLarge, description: "It is larger than WhatsApp sends."),
                Endpoint.Answer(status: .serviceUnavailable, description: "It could not be stored; send it again."),
            ]
        ),
    ]

    private static func plain(
        _ path: String,
        _ name: String,
        _ summary: String,
        _ description: String,
        example: JSONValue
    ) -> Endpoint {
        Endpoint(
            method: .get,
            path: path,
            name: name,
            tag: "service",
            summary: summary,
            access: .everybody,
            answers: [
                Endpoint.Answer(
                    status: .ok,
                    description: description,
                    content: [.init(mediaType: "text/plain", shape: .text(0...Int(Int32.max)), example: example)]
                )
            ]
        )
    }
}
