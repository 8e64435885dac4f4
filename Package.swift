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
        .systemLibrary(name: "CLibYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),

        // Their Swift faces.
        .target(name: "Postgres", dependencies: ["CLibPQ", "Calendar", .log]),
        .target(name: "Redis", dependencies: ["CHiredis", .crypto, .log]),
        .target(name: "YAML", dependencies: ["CLibYAML"]),

        // The foundations: modules that know neither the database nor the domain.
        .target(name: "JSON"),
        .target(name: "Spelling"),
        .target(name: "Randomness"),
        .target(name: "Calendar", dependencies: ["Spelling"]),
        .target(name: "Settings", dependencies: [.log]),
        .target(name: "Cells", dependencies: ["Postgres", "Spelling", "YAML"]),
        .target(name: "Prometheus", dependencies: [.metrics]),
        .target(name: "OneShotHTTP", dependencies: ["Settings", .nio, .nioHTTP, .nioPosix, .nioSSL, .nioTLS]),
        .target(name: "AccessTokens", dependencies: ["JSON", "Settings", .crypto, .cryptoExtras, .log]),

        // The house, in the order data walks through it.
        .target(name: "Spec", dependencies: ["Calendar", "JSON", "Spelling", "YAML", .crypto]),
        .target(
            name: "Store",
            dependencies: ["Calendar", "JSON", "Spec", "Spelling", "Postgres", .crypto, .log],
            resources: [.embedInCode("Migrations")]
        ),
        .target(
            name: "Reconciler",
            dependencies: ["Calendar", "JSON", "Spec", "Spelling", "Store", "Postgres", .crypto, .log]
        ),
        .target(
            name: "Runtime",
            dependencies: [
                "JSON", "OneShotHTTP", "Postgres", "Prometheus", "Redis", "Settings", "Spec", "Store",
                .crypto, .lifecycle, .log, .metrics, .nio, .nioFoundation, .nioHTTP,
            ],
            resources: [.embedInCode("Lanes/Scripts")]
        ),
        .target(name: "Contacts", dependencies: ["Calendar", "JSON", "Randomness", "Spec", "Spelling", "Store"]),
        .target(
            name: "Account",
            dependencies: [
                "JSON", "OneShotHTTP", "Postgres", "Settings", "Spec", "Spelling", "Store",
                .client, .crypto, .log, .nio, .nioFoundation, .nioHTTP, .nioPosix, .nioSSL,
            ]
        ),
        .target(
            name: "Dashboard",
            dependencies: [.crypto, .nio, .nioEmbedded, .nioHTTP, .nioHTTPCompression],
            resources: [.embedInCode("Assets")]
        ),
        .target(
            name: "API",
            dependencies: [
                "AccessTokens", "Calendar", "Dashboard", "JSON", "Postgres", "Prometheus", "Runtime", "Settings",
                "Spec", "Spelling", "Store", .crypto, .hummingbird, .hummingbirdCore, .log, .nio, .nioFoundation,
                .nioHTTP, .nioHTTPTypes, .nioHTTPTypesHTTP1,
            ]
        ),
        .target(
            name: "Daemon",
            dependencies: [
                "AccessTokens", "Account", "API", "OneShotHTTP", "Postgres", "Prometheus", "Redis", "Runtime",
                "Settings", "Store",
                .hummingbird, .hummingbirdCore, .hummingbirdTLS, .lifecycle, .log, .nio, .nioCertificates, .nioHTTP,
                .nioPosix, .nioSSL,
            ]
        ),
        .target(
            name: "WhatsAppSimulator",
            dependencies: ["JSON", .client, .crypto, .hummingbird, .lifecycle, .log, .nio, .nioHTTP]
        ),

        // The commands.
        .target(
            name: "CommandKit",
            dependencies: ["Cells", "JSON", "Postgres", "Settings", "Spelling", "Store", .arguments, .log]
        ),
        .executableTarget(
            name: "reconcile",
            dependencies: [
                "Account", "Calendar", "Cells", "CommandKit", "JSON", "Reconciler", "Settings", "Spec", "Spelling",
                "Store",
                "Postgres", .arguments, .log,
            ]
        ),
        .executableTarget(
            name: "campaignd",
            dependencies: [
                "AccessTokens", "Account", "API", "Calendar", "Cells", "CommandKit", "Contacts", "Daemon", "JSON",
                "Postgres",
                "Reconciler", "Runtime", "Settings", "Spec", "Spelling", "Store", "WhatsAppSimulator",
                .arguments, .lifecycle, .log, .signals,
            ]
        ),

        // Private servers, daemons and processes for tests and tools.
        .target(
            name: "TestBed",
            dependencies: ["Postgres", "Redis", .client, .log, .nio, .nioHTTP],
            path: "Tools/TestBed"
        ),

        // The fault harness shares only the clients, the simulator and random numbers with what it judges.
        .executableTarget(
            name: "FaultHarness",
            dependencies: [
                "Postgres", "Randomness", "Redis", "TestBed", "WhatsAppSimulator", .arguments, .log, .nio, .nioPosix,
            ],
            path: "Tools/FaultHarness",
            resources: [.embedInCode("SQL")]
        ),

        // Fuzzing and measurements.
        .target(name: "SpecSamples", path: "Tools/SpecSamples"),
        .executableTarget(
            name: "SpecFuzz",
            dependencies: ["Randomness", "Spec", "SpecSamples"],
            path: "Tools/SpecFuzz"
        ),
        .target(name: "BenchKit", dependencies: ["TestBed"], path: "Tools/BenchKit"),
        .executableTarget(
            name: "Bench",
            dependencies: [
                "BenchKit", "CLibYAML", "OneShotHTTP", "Postgres", "Redis", "Store", "TestBed", "WhatsAppSimulator",
                .arguments, .client, .crypto, .log, .nio, .nioHTTP, .nioPosix,
            ],
            path: "Tools/Bench",
            exclude: ["Stage/requests.lua"]
        ),

        // Tests.
        .target(
            name: "TestSupport",
            dependencies: [
                "AccessTokens", "Postgres", "Redis", "Store", "TestBed", .asn1, .certificates, .crypto, .log, .nio,
                .nioPosix, .nioSSL,
            ],
            path: "Tests/TestSupport"
        ),
        .testTarget(name: "HouseTests"),
        .testTarget(name: "YAMLTests", dependencies: ["Randomness", "YAML"]),
        .testTarget(name: "JSONTests", dependencies: ["JSON"]),
        .testTarget(name: "CellsTests", dependencies: ["Cells"]),
        .testTarget(name: "CalendarTests", dependencies: ["Calendar", "Randomness"]),
        .testTarget(
            name: "OneShotHTTPTests",
            dependencies: ["OneShotHTTP", "TestSupport", .nio, .nioHTTP, .nioPosix, .nioSSL]
        ),
        .testTarget(name: "PostgresTests", dependencies: ["Postgres", "TestSupport", .log]),
        .testTarget(name: "RedisTests", dependencies: ["Redis", "TestBed", "TestSupport", .log]),
        .target(name: "JSONSchema", dependencies: ["JSON", "Spec"], path: "Tests/JSONSchema"),
        .testTarget(
            name: "SpecTests",
            dependencies: [
                "Calendar", "JSON", "JSONSchema", "Randomness", "Spec", "SpecSamples", "Spelling", "YAML", .crypto,
            ],
            exclude: ["Corpus", "People/phone_numbers.py"]
        ),
        .testTarget(
            name: "StoreTests",
            dependencies: ["Calendar", "JSON", "Randomness", "Store", "Spec", "Postgres", "TestSupport", .log]
        ),
        .testTarget(
            name: "ReconcilerTests",
            dependencies: [
                "Calendar", "JSON", "JSONSchema", "Randomness", "Reconciler", "Spec", "Spelling", "Store", "Postgres",
                "TestSupport", .log,
            ]
        ),
        .testTarget(
            name: "AccountTests",
            dependencies: [
                "Account", "JSON", "OneShotHTTP", "Postgres", "Settings", "Spec", "Store", "TestSupport",
                "WhatsAppSimulator", .client, .crypto, .hummingbird, .lifecycle, .log, .nio, .nioHTTP, .nioHTTPTypes,
            ]
        ),
        .testTarget(
            name: "AccessTokensTests",
            dependencies: ["AccessTokens", "JSON", "Settings", "TestSupport", .crypto, .cryptoExtras, .log]
        ),
        .testTarget(
            name: "ContactsTests",
            dependencies: ["Contacts", "Postgres", "Spec", "Store", "TestSupport", .log]
        ),
        .testTarget(
            name: "APITests",
            dependencies: [
                "AccessTokens", "API", "Daemon", "Dashboard", "JSON", "Postgres", "Redis", "Runtime", "Settings",
                "Spec", "Store", "TestSupport", .client, .crypto, .hummingbird, .lifecycle, .log, .nio, .nioHTTP,
            ]
        ),
        .testTarget(
            name: "RuntimeTests",
            dependencies: [
                "AccessTokens", "API", "Calendar", "CommandKit", "Daemon", "JSON", "OneShotHTTP", "Prometheus",
                "Runtime",
                "Settings", "Spec", "Store", "Postgres", "Redis", "TestBed", "TestSupport", "WhatsAppSimulator",
                "campaignd",
                .client, .crypto, .hummingbird, .lifecycle, .log, .metrics, .nio, .nioHTTP, .nioPosix, .nioSSL,
            ]
        ),
        .testTarget(
            name: "WhatsAppSimulatorTests",
            dependencies: [
                "JSON", "WhatsAppSimulator", .client, .crypto, .hummingbird, .lifecycle, .log, .nio, .nioHTTP,
            ],
            exclude: ["pywa_client.py", "pywa_templates.py"]
        ),
        .testTarget(name: "CommandKitTests", dependencies: ["CommandKit", "Settings", "Spelling", .arguments, .log]),
        .testTarget(name: "BenchKitTests", dependencies: ["BenchKit"]),
        .testTarget(name: "FaultHarnessTests", dependencies: ["FaultHarness", "WhatsAppSimulator", .nio]),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "API", "JSON", "JSONSchema", "Postgres", "Spec", "Store", "TestBed", "TestSupport",
                "WhatsAppSimulator", "YAML", "campaignd", "reconcile", .arguments, .hummingbird, .log, .nio,
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
    static let nioEmbedded = product(name: "NIOEmbedded", package: "swift-nio")
    static let nioFoundation = product(name: "NIOFoundationCompat", package: "swift-nio")
    static let nioHTTP = product(name: "NIOHTTP1", package: "swift-nio")
    static let nioHTTPCompression = product(name: "NIOHTTPCompression", package: "swift-nio-extras")
    static let nioHTTPTypes = product(name: "NIOHTTPTypes", package: "swift-nio-extras")
    static let nioHTTPTypesHTTP1 = product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras")
    static let nioPosix = product(name: "NIOPosix", package: "swift-nio")
    static let nioSSL = product(name: "NIOSSL", package: "swift-nio-ssl")
    static let nioTLS = product(name: "NIOTLS", package: "swift-nio")
}
