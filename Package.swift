// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "swift-celery",
    platforms: [.macOS("15.4")],
    products: [
        .library(name: "Celery", targets: ["Celery"]),
        .library(name: "CeleryRedis", targets: ["CeleryRedis"]),
        .library(name: "CeleryRabbitMQ", targets: ["CeleryRabbitMQ"]),
        .library(name: "CeleryProtocol", targets: ["CeleryProtocol"]),
        .library(name: "CeleryTransport", targets: ["CeleryTransport"]),
        .library(name: "CelerySettings", targets: ["CelerySettings"]),
        .library(name: "CeleryMetrics", targets: ["CeleryMetrics"]),
        .library(name: "CeleryTracing", targets: ["CeleryTracing"]),
        .library(name: "CeleryTesting", targets: ["CeleryTesting"]),
        .library(name: "CeleryCommands", targets: ["CeleryCommands"]),
        .executable(name: "celery-swift", targets: ["celery-swift"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: []),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
    ],
    targets: [
        // The system libraries, as module maps with small inline shims.
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),
        .systemLibrary(name: "CRabbitMQ", providers: [.apt(["librabbitmq-dev"])]),
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "CCelerySystem"),

        .target(name: "CeleryProtocol", dependencies: ["CZlib"]),
        .target(name: "CeleryIO", dependencies: ["CCelerySystem"]),
        .target(
            name: "CeleryTransport",
            dependencies: [
                "CCelerySystem", "CeleryIO", "CeleryProtocol",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .target(
            name: "CeleryRedis",
            dependencies: [
                "CHiredis", "CeleryIO", "CeleryProtocol", "CeleryTransport",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .target(
            name: "CeleryRabbitMQ",
            dependencies: [
                "CRabbitMQ", "CeleryIO", "CeleryProtocol", "CeleryTransport",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .target(
            name: "Celery",
            dependencies: [
                "CeleryIO", "CeleryProtocol", "CeleryTransport",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
                // For `ServiceContext`: what follows a task is sent in the context in which it ran.
                .product(name: "Instrumentation", package: "swift-distributed-tracing"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]
        ),
        .target(
            name: "CeleryMetrics",
            dependencies: ["Celery", "CeleryIO", .product(name: "CoreMetrics", package: "swift-metrics")]
        ),
        .target(
            name: "CeleryTracing",
            dependencies: ["Celery", .product(name: "Tracing", package: "swift-distributed-tracing")]
        ),
        .target(
            name: "CelerySettings",
            dependencies: ["Celery", .product(name: "Configuration", package: "swift-configuration")]
        ),
        .target(
            name: "CeleryTesting",
            dependencies: [
                "Celery", "CeleryIO", "CeleryProtocol", "CeleryTransport",
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .target(
            name: "CeleryCommands",
            dependencies: [
                "Celery", "CeleryIO", "CeleryProtocol", "CeleryRabbitMQ", "CeleryRedis", "CeleryTesting",
                "CeleryTransport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ]
        ),
        .executableTarget(
            name: "celery-swift",
            dependencies: [
                "Celery", "CeleryCommands", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]
        ),
        // The Swift client of interop/bench.
        .executableTarget(
            name: "bench-client",
            dependencies: [
                "Celery", "CeleryRabbitMQ", "CeleryRedis", .product(name: "Logging", package: "swift-log"),
            ],
            path: "interop/benchmarks/client"
        ),
        // A worker with metrics and traces, for interop/live and interop/bench.
        .executableTarget(
            name: "watched-worker",
            dependencies: [
                "Celery", "CeleryCommands", "CeleryMetrics", "CeleryTracing",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            path: "interop/fleet/watched"
        ),
        // Where the tasks of the next two leave their marks.
        .target(
            name: "InteropRedis", dependencies: ["CHiredis", "Celery", "CeleryIO"], path: "interop/fleet/redis"
        ),
        // The worker of interop/conformance, with the tasks of Celery's own integration suite.
        .executableTarget(
            name: "conformance-worker",
            dependencies: ["Celery", "CeleryCommands", "CeleryProtocol", "InteropRedis"],
            path: "interop/suite/worker"
        ),
        // The Swift worker and the Swift client of interop/canvas.
        .executableTarget(
            name: "canvas-peer",
            dependencies: [
                "Celery", "CeleryCommands", "CeleryProtocol", "CeleryRabbitMQ", "CeleryRedis", "InteropRedis",
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "interop/canvases/peer"
        ),

        // What the tests of several modules need.
        .target(
            name: "TestSupport",
            dependencies: ["CeleryIO", "CeleryProtocol", .product(name: "Logging", package: "swift-log")],
            path: "Tests/TestSupport"
        ),
        .testTarget(name: "CeleryProtocolTests", dependencies: ["CeleryProtocol"]),
        .testTarget(name: "CeleryIOTests", dependencies: ["CeleryIO", "TestSupport"]),
        .testTarget(
            name: "CeleryTransportTests",
            dependencies: [
                "CeleryIO", "CeleryProtocol", "CeleryTransport", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .testTarget(
            name: "CeleryRedisTests",
            dependencies: ["CeleryIO", "CeleryProtocol", "CeleryRedis", "CeleryTransport", "TestSupport"]
        ),
        .testTarget(
            name: "CeleryRabbitMQTests",
            dependencies: ["CeleryIO", "CeleryProtocol", "CeleryRabbitMQ", "CeleryTransport", "TestSupport"]
        ),
        .testTarget(
            name: "CeleryCommandsTests",
            dependencies: [
                "Celery", "CeleryCommands", "CeleryIO", "CeleryProtocol", "CeleryRabbitMQ", "CeleryRedis",
                "CeleryTesting", "CeleryTransport", "TestSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]
        ),
        .testTarget(
            name: "CeleryTests",
            dependencies: [
                "Celery", "CeleryIO", "CeleryMetrics", "CeleryProtocol", "CelerySettings", "CeleryTesting",
                "CeleryTracing", "CeleryTransport", "TestSupport",
                "celery-swift",
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
                .product(name: "Instrumentation", package: "swift-distributed-tracing"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "MetricsTestKit", package: "swift-metrics"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ]
        ),
    ],
    swiftLanguageModes: [.v6]
)

for target in package.targets where target.type != .system {
    target.swiftSettings = [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ]
}
