// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "campaigns",
    products: [
        .executable(name: "reconcile", targets: ["reconcile"]),
        .executable(name: "campaignd", targets: ["campaignd"]),
        .executable(name: "faults", targets: ["FaultHarness"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-asn1.git", from: "1.1.0"),
        .package(url: "https://github.com/apple/swift-certificates.git", from: "1.14.0"),
        .package(url: "https://github.com/apple/swift-crypto.git", "4.0.0"..<"5.0.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-metrics.git", from: "2.5.0"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.80.0"),
        .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.35.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.30.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.0.0"),
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.30.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.8.0"),
    ],
    targets: [
        // C libraries. hiredis goes without pkg-config: its flags make SwiftPM warn on every build.
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CMalloc"),
        .systemLibrary(name: "CLibYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),

        // Their Swift faces.
        .target(name: "Postgres", dependencies: ["CLibPQ", .log]),
        .target(name: "Redis", dependencies: ["CHiredis", .log]),
        .target(name: "YAML", dependencies: ["CLibYAML"]),

        // What carries messages out.
        .target(name: "HTTPPosting", dependencies: [.nio, .nioHTTP, .nioPosix, .nioSSL, .nioTLS]),

        // The house, in the order data walks through it.
        .target(name: "Spec", dependencies: ["YAML", .crypto]),
        .target(
            name: "Store",
            dependencies: ["Spec", "Postgres", .crypto, .log],
            resources: [.embedInCode("Migrations")]
        ),
        .target(name: "Reconciler", dependencies: ["Spec", "Store", "Postgres", .crypto, .log]),
        .target(
            name: "Runtime",
            dependencies: [
                "HTTPPosting", "Spec", "Store", "Postgres", "Redis", .crypto, .cryptoExtras, .hummingbird,
                .hummingbirdCore, .hummingbirdTLS, .lifecycle, .log, .metrics, .nio, .nioCertificates, .nioFoundation,
                .nioHTTP, .nioHTTPTypes, .nioHTTPTypesHTTP1, .nioPosix, .nioSSL,
            ],
            resources: [.embedInCode("Queue/Scripts")]
        ),
        .target(
            name: "WhatsAppSimulator",
            dependencies: [.client, .crypto, .hummingbird, .lifecycle, .log, .nio, .nioHTTP]
        ),

        // The commands.
        .executableTarget(
            name: "reconcile",
            dependencies: ["CMalloc", "Reconciler", "Spec", "Store", "Postgres", .arguments, .log]
        ),
        .executableTarget(
            name: "campaignd",
            dependencies: [
                "Reconciler", "Runtime", "Spec", "Store", "Postgres", "Redis", "WhatsAppSimulator",
                .arguments, .lifecycle, .log, .signals,
            ]
        ),

        // The judge, which shares only the clients and the receiver with what it judges.
        .executableTarget(
            name: "FaultHarness",
            dependencies: [
                "Postgres", "Redis", "WhatsAppSimulator", .arguments, .client, .log, .nio,
                .nioFoundation, .nioHTTP, .nioPosix,
            ],
            path: "Tools/FaultHarness",
            resources: [.embedInCode("SQL")]
        ),

        // Fuzzing and measurements.
        .target(name: "SpecSamples", path: "Tools/SpecSamples"),
        .executableTarget(name: "SpecFuzz", dependencies: ["Spec", "SpecSamples"], path: "Tools/SpecFuzz"),
        .target(name: "BenchKit", path: "Tools/BenchKit"),
        .executableTarget(
            name: "Bench",
            dependencies: [
                "BenchKit", "CLibYAML", "HTTPPosting", "Postgres", "Redis", "Store", .arguments, .client, .crypto, .log,
                .nio,
                .nioHTTP, .nioPosix,
            ],
            path: "Tools/Bench"
        ),

        // Tests.
        .target(
            name: "TestSupport",
            dependencies: ["Postgres", "Redis", "Store", .asn1, .certificates, .crypto, .log, .nioSSL],
            path: "Tests/TestSupport"
        ),
        .testTarget(name: "HouseTests"),
        .testTarget(name: "YAMLTests", dependencies: ["YAML"]),
        .testTarget(
            name: "HTTPPostingTests",
            dependencies: ["HTTPPosting", "TestSupport", .nio, .nioHTTP, .nioPosix, .nioSSL]
        ),
        .testTarget(name: "PostgresTests", dependencies: ["Postgres", "TestSupport", .log]),
        .testTarget(name: "RedisTests", dependencies: ["Redis", "TestSupport", .log]),
        .target(name: "JSONSchema", dependencies: ["Spec"], path: "Tests/JSONSchema"),
        .testTarget(
            name: "SpecTests",
            dependencies: ["JSONSchema", "Spec", "SpecSamples", "YAML"],
            exclude: ["Corpus"]
        ),
        .testTarget(name: "StoreTests", dependencies: ["Store", "Spec", "Postgres", "TestSupport", .log]),
        .testTarget(
            name: "ReconcilerTests",
            dependencies: ["JSONSchema", "Reconciler", "Spec", "Store", "Postgres", "TestSupport", .log]
        ),
        .testTarget(
            name: "RuntimeTests",
            dependencies: [
                "HTTPPosting", "Runtime", "Spec", "Store", "Postgres", "Redis", "TestSupport", "WhatsAppSimulator",
                .client, .crypto, .cryptoExtras, .hummingbird, .lifecycle, .log, .metrics, .nio,
                .nioHTTP, .nioPosix, .nioSSL,
            ]
        ),
        .testTarget(
            name: "WhatsAppSimulatorTests",
            dependencies: [
                "WhatsAppSimulator", .client, .crypto, .hummingbird, .lifecycle, .log, .nio, .nioHTTP,
            ]
        ),
        .testTarget(name: "BenchKitTests", dependencies: ["BenchKit"]),
        .testTarget(name: "FaultHarnessTests", dependencies: ["FaultHarness", "WhatsAppSimulator", .nio]),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "JSONSchema", "Postgres", "Redis", "Spec", "Store", "TestSupport", "WhatsAppSimulator",
                "campaignd", "reconcile", .log,
            ]
        ),
    ]
)

// Every Swift target is held to the same settings. The wrappers alone touch C pointers, so
// there, in addition, every unsafe expression must say `unsafe`.
for target in package.targets where target.type != .system {
    target.swiftSettings = [
        .swiftLanguageMode(.v6),
        .treatAllWarnings(as: .error),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ]
    // Releases of the commands carry the runtime of Swift: they start sooner, take a tenth less CPU for a plan, and run
    // on machines without Swift. The compiler has to know, as it notes what is to be linked.
    if ["campaignd", "reconcile"].contains(target.name) {
        let release = BuildSettingCondition.when(platforms: [.linux], configuration: .release)
        target.swiftSettings?.append(.unsafeFlags(["-static-stdlib"], release))
        target.linkerSettings = [.unsafeFlags(["-static-stdlib"], release)]
    }
    if ["Postgres", "Redis", "YAML"].contains(target.name) {
        target.swiftSettings?.append(.strictMemorySafety())
    }
}

extension Target.Dependency {
    static let arguments = product(name: "ArgumentParser", package: "swift-argument-parser")
    static let asn1 = product(name: "SwiftASN1", package: "swift-asn1")
    static let certificates = product(name: "X509", package: "swift-certificates")
    static let client = product(name: "AsyncHTTPClient", package: "async-http-client")
    static let crypto = product(name: "Crypto", package: "swift-crypto")
    static let cryptoExtras = product(name: "CryptoExtras", package: "swift-crypto")
    static let hummingbird = product(name: "Hummingbird", package: "hummingbird")
    static let hummingbirdCore = product(name: "HummingbirdCore", package: "hummingbird")
    static let hummingbirdTLS = product(name: "HummingbirdTLS", package: "hummingbird")
    static let lifecycle = product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
    static let log = product(name: "Logging", package: "swift-log")
    static let metrics = product(name: "CoreMetrics", package: "swift-metrics")
    static let signals = product(name: "UnixSignals", package: "swift-service-lifecycle")
    static let nio = product(name: "NIOCore", package: "swift-nio")
    static let nioCertificates = product(name: "NIOCertificateReloading", package: "swift-nio-extras")
    static let nioFoundation = product(name: "NIOFoundationCompat", package: "swift-nio")
    static let nioHTTP = product(name: "NIOHTTP1", package: "swift-nio")
    static let nioHTTPTypes = product(name: "NIOHTTPTypes", package: "swift-nio-extras")
    static let nioHTTPTypesHTTP1 = product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras")
    static let nioPosix = product(name: "NIOPosix", package: "swift-nio")
    static let nioSSL = product(name: "NIOSSL", package: "swift-nio-ssl")
    static let nioTLS = product(name: "NIOTLS", package: "swift-nio")
}
